set encoding utf8
set terminal svg size 600,335 noenhanced font 'sans-serif,15' background '#ffffff'
set border 3 linecolor rgb '#8c959f'
set tics out nomirror scale 0.6,0.3 textcolor rgb '#1f2328'
set grid xtics ytics linetype 1 linewidth 1 linecolor rgb '#e6e8eb'
set title textcolor rgb '#1f2328'
set xlabel textcolor rgb '#1f2328'
set ylabel textcolor rgb '#1f2328'
unset key
set bmargin at screen 0.40299
set xlabel offset 0,0.4
set rmargin 5
set multiplot
set grid xtics noytics
set lmargin at screen 0.169
set rmargin at screen 0.93
set label 1 "Where the time goes" at screen 0.169, screen 0.95224 left textcolor rgb '#1f2328'
set label 2 "Typical packets, mean of each stage" at screen 0.169, screen 0.85373 left textcolor rgb '#1f2328'
$typical0 << EOD
0 0 0 960 -0.36 0.36
0 1 0 2400 0.64 1.36
EOD
$typical1 << EOD
960 0 960 2760 -0.36 0.36
2400 1 2400 6900 0.64 1.36
EOD
$typical2 << EOD
2760 0 2760 5400 -0.36 0.36
6900 1 6900 13500 0.64 1.36
EOD
$typical3 << EOD
5400 0 5400 7800 -0.36 0.36
13500 1 13500 19500 0.64 1.36
EOD
$typical4 << EOD
7800 0 7800 12000 -0.36 0.36
19500 1 19500 30000 0.64 1.36
EOD
$typical << EOD
12000 0 "12.0 us"
30000 1 "30.0 us"
EOD
unset logscale x
set xrange [0:40000]
set xlabel ""
set xtics ("0 us" 0, "10 us" 10000, "20 us" 20000, "30 us" 30000, "40 us" 40000)
set tmargin at screen 0.81493
set bmargin at screen 0.6597
set yrange [1.5:-0.5]
set ytics ("1.00 kpps" 0, "300 kpps" 1) scale 0
plot $typical0 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#0072b2',\
 $typical1 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#d55e00',\
 $typical2 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#009e73',\
 $typical3 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#cc79a7',\
 $typical4 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#e69f00',\
 $typical using 1:2:3 with labels left offset 0.5,0 textcolor rgb '#1f2328'
unset label 1
set arrow 10 from screen 0.15667, screen 0.1791 to screen 0.20333, screen 0.1791 nohead front linewidth 12 dashtype 1 linecolor rgb '#0072b2'
set label 10 "waiting to be sent" at screen 0.21667, screen 0.1791 left front textcolor rgb '#1f2328'
set arrow 11 from screen 0.51667, screen 0.1791 to screen 0.56333, screen 0.1791 nohead front linewidth 12 dashtype 1 linecolor rgb '#d55e00'
set label 11 "send call" at screen 0.57667, screen 0.1791 left front textcolor rgb '#1f2328'
set arrow 12 from screen 0.15667, screen 0.11642 to screen 0.20333, screen 0.11642 nohead front linewidth 12 dashtype 1 linecolor rgb '#009e73'
set label 12 "queue discipline" at screen 0.21667, screen 0.11642 left front textcolor rgb '#1f2328'
set arrow 13 from screen 0.51667, screen 0.11642 to screen 0.56333, screen 0.11642 nohead front linewidth 12 dashtype 1 linecolor rgb '#cc79a7'
set label 13 "driver to kernel" at screen 0.57667, screen 0.11642 left front textcolor rgb '#1f2328'
set arrow 14 from screen 0.15667, screen 0.053731 to screen 0.20333, screen 0.053731 nohead front linewidth 12 dashtype 1 linecolor rgb '#e69f00'
set label 14 "kernel to program" at screen 0.21667, screen 0.053731 left front textcolor rgb '#1f2328'
set label 2 "The slowest packets" at screen 0.169, screen 0.51343 left textcolor rgb '#1f2328'
$tail0 << EOD
0 0 0 6000 -0.36 0.36
0 1 0 15000 0.64 1.36
EOD
$tail1 << EOD
6000 0 6000 8400 -0.36 0.36
15000 1 15000 21000 0.64 1.36
EOD
$tail2 << EOD
8400 0 8400 21600 -0.36 0.36
21000 1 21000 54000 0.64 1.36
EOD
$tail3 << EOD
21600 0 21600 25200 -0.36 0.36
54000 1 54000 63000 0.64 1.36
EOD
$tail4 << EOD
25200 0 25200 133200 -0.36 0.36
63000 1 63000 333000 0.64 1.36
EOD
$tail << EOD
133200 0 "133 us"
333000 1 "333 us"
EOD
unset logscale x
set xrange [0:400000]
set xlabel ""
set xtics ("0 us" 0, "100 us" 100000, "200 us" 200000, "300 us" 300000, "400 us" 400000)
set tmargin at screen 0.47463
set bmargin at screen 0.3194
set yrange [1.5:-0.5]
set ytics ("1.00 kpps" 0, "300 kpps" 1) scale 0
plot $tail0 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#0072b2',\
 $tail1 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#d55e00',\
 $tail2 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#009e73',\
 $tail3 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#cc79a7',\
 $tail4 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#e69f00',\
 $tail using 1:2:3 with labels left offset 0.5,0 textcolor rgb '#1f2328'
unset multiplot
