set encoding utf8
set terminal svg size 600,467 noenhanced font 'sans-serif,15' background '#ffffff'
set border 3 linecolor rgb '#8c959f'
set tics out nomirror scale 0.6,0.3 textcolor rgb '#1f2328'
set grid xtics ytics linetype 1 linewidth 1 linecolor rgb '#e6e8eb'
set title textcolor rgb '#1f2328'
set xlabel textcolor rgb '#1f2328'
set ylabel textcolor rgb '#1f2328'
unset key
set bmargin at screen 0.28908
set xlabel offset 0,0.4
set rmargin 5
set multiplot
set grid xtics noytics
set lmargin at screen 0.384
set rmargin at screen 0.93
set label 1 "Where the time goes" at screen 0.384, screen 0.96574 left textcolor rgb '#1f2328'
set label 2 "Typical packets, mean of each stage" at screen 0.384, screen 0.89507 left textcolor rgb '#1f2328'
$typical0 << EOD
0 0 0 2400 -0.36 0.36
0 1 0 1600 0.64 1.36
0 2 0 72 1.64 2.36
0 3 0 400000 2.64 3.36
0 4 0 160000 3.64 4.36
EOD
$typical1 << EOD
2400 0 2400 6900 -0.36 0.36
1600 1 1600 4600 0.64 1.36
72 2 72 207 1.64 2.36
400000 3 400000 1150000 2.64 3.36
160000 4 160000 460000 3.64 4.36
EOD
$typical2 << EOD
6900 0 6900 13500 -0.36 0.36
4600 1 4600 9000 0.64 1.36
207 2 207 405 1.64 2.36
1150000 3 1150000 2250000 2.64 3.36
460000 4 460000 900000 3.64 4.36
EOD
$typical3 << EOD
13500 0 13500 19500 -0.36 0.36
9000 1 9000 13000 0.64 1.36
405 2 405 585 1.64 2.36
2250000 3 2250000 3250000 2.64 3.36
900000 4 900000 1300000 3.64 4.36
EOD
$typical4 << EOD
19500 0 19500 30000 -0.36 0.36
13000 1 13000 20000 0.64 1.36
585 2 585 900 1.64 2.36
3250000 3 3250000 5000000 2.64 3.36
1300000 4 1300000 2000000 3.64 4.36
EOD
$typical << EOD
30000 0 "30.0 us"
20000 1 "20.0 us"
900 2 "900 ns"
5000000 3 "5.00 ms"
2000000 4 "2.00 ms"
EOD
unset logscale x
set xrange [0:6000000]
set xlabel ""
set xtics ("0 ms" 0, "1 ms" 1000000, "2 ms" 2000000, "3 ms" 3000000, "4 ms" 4000000, "5 ms" 5000000, "6 ms" 6000000)
set tmargin at screen 0.86724
set bmargin at screen 0.61456
set yrange [4.5:-0.5]
set ytics ("bimodal" 0, "constant" 1, "\042; system \042…^{a} %%d 100%%" 2, "a name that…until 70kpps" 3, "bad ?? bytes" 4) scale 0
plot $typical0 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#0072b2',\
 $typical1 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#d55e00',\
 $typical2 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#009e73',\
 $typical3 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#cc79a7',\
 $typical4 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#e69f00',\
 $typical using 1:2:3 with labels left offset 0.5,0 textcolor rgb '#1f2328'
unset label 1
set arrow 10 from screen 0.15667, screen 0.12848 to screen 0.20333, screen 0.12848 nohead front linewidth 12 dashtype 1 linecolor rgb '#0072b2'
set label 10 "waiting to be sent" at screen 0.21667, screen 0.12848 left front textcolor rgb '#1f2328'
set arrow 11 from screen 0.51667, screen 0.12848 to screen 0.56333, screen 0.12848 nohead front linewidth 12 dashtype 1 linecolor rgb '#d55e00'
set label 11 "send call" at screen 0.57667, screen 0.12848 left front textcolor rgb '#1f2328'
set arrow 12 from screen 0.15667, screen 0.083512 to screen 0.20333, screen 0.083512 nohead front linewidth 12 dashtype 1 linecolor rgb '#009e73'
set label 12 "queue discipline" at screen 0.21667, screen 0.083512 left front textcolor rgb '#1f2328'
set arrow 13 from screen 0.51667, screen 0.083512 to screen 0.56333, screen 0.083512 nohead front linewidth 12 dashtype 1 linecolor rgb '#cc79a7'
set label 13 "driver to kernel" at screen 0.57667, screen 0.083512 left front textcolor rgb '#1f2328'
set arrow 14 from screen 0.15667, screen 0.038544 to screen 0.20333, screen 0.038544 nohead front linewidth 12 dashtype 1 linecolor rgb '#e69f00'
set label 14 "kernel to program" at screen 0.21667, screen 0.038544 left front textcolor rgb '#1f2328'
set label 2 "The slowest packets" at screen 0.384, screen 0.50964 left textcolor rgb '#1f2328'
$tail0 << EOD
0 0 0 15000 -0.36 0.36
0 1 0 10000 0.64 1.36
0 2 0 450 1.64 2.36
0 3 0 2500000 2.64 3.36
0 4 0 1000000 3.64 4.36
EOD
$tail1 << EOD
15000 0 15000 21000 -0.36 0.36
10000 1 10000 14000 0.64 1.36
450 2 450 630 1.64 2.36
2500000 3 2500000 3500000 2.64 3.36
1000000 4 1000000 1400000 3.64 4.36
EOD
$tail2 << EOD
21000 0 21000 54000 -0.36 0.36
14000 1 14000 36000 0.64 1.36
630 2 630 1620 1.64 2.36
3500000 3 3500000 9000000 2.64 3.36
1400000 4 1400000 3600000 3.64 4.36
EOD
$tail3 << EOD
54000 0 54000 63000 -0.36 0.36
36000 1 36000 42000 0.64 1.36
1620 2 1620 1890 1.64 2.36
9000000 3 9000000 1.05e+07 2.64 3.36
3600000 4 3600000 4200000 3.64 4.36
EOD
$tail4 << EOD
63000 0 63000 333000 -0.36 0.36
42000 1 42000 222000 0.64 1.36
1890 2 1890 9990 1.64 2.36
1.05e+07 3 1.05e+07 5.55e+07 2.64 3.36
4200000 4 4200000 2.22e+07 3.64 4.36
EOD
$tail << EOD
333000 0 "333 us"
222000 1 "222 us"
9990 2 "9.99 us"
5.55e+07 3 "55.5 ms"
2.22e+07 4 "22.2 ms"
EOD
unset logscale x
set xrange [0:80000000]
set xlabel ""
set xtics ("0 ms" 0, "20 ms" 20000000, "40 ms" 40000000, "60 ms" 60000000, "80 ms" 80000000)
set tmargin at screen 0.4818
set bmargin at screen 0.22912
set yrange [4.5:-0.5]
set ytics ("bimodal" 0, "constant" 1, "\042; system \042…^{a} %%d 100%%" 2, "a name that…until 70kpps" 3, "bad ?? bytes" 4) scale 0
plot $tail0 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#0072b2',\
 $tail1 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#d55e00',\
 $tail2 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#009e73',\
 $tail3 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#cc79a7',\
 $tail4 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#e69f00',\
 $tail using 1:2:3 with labels left offset 0.5,0 textcolor rgb '#1f2328'
unset multiplot
