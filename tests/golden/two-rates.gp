set encoding utf8
set terminal svg size 600,401 noenhanced font 'sans-serif,15' background '#ffffff'
set border 3 linecolor rgb '#8c959f'
set tics out nomirror scale 0.6,0.3 textcolor rgb '#1f2328'
set grid xtics ytics linetype 1 linewidth 1 linecolor rgb '#e6e8eb'
set title textcolor rgb '#1f2328'
set xlabel textcolor rgb '#1f2328'
set ylabel textcolor rgb '#1f2328'
unset key
set bmargin at screen 0.23192
set xlabel offset 0,0.4
set rmargin 5
set title "Latency by rate, 95 % confidence"
$P0_0 << EOD
999.6 12071 12048 12079
299880 30175 30128 30207
EOD
$P0_1 << EOD
999.6 51743 51232 52095
299880 128191 126976 129215
EOD
$P0_2 << EOD
999.6 228095 148992 460543
299880 559103 385792 939519
EOD
$P0_3 << EOD
999.6 8138352 8138352 8138352
299880 14469527 14469527 14469527
EOD
set logscale x
set xrange [500:500000]
set xlabel "accepted rate"
set xtics ("" 500 1, "" 600 1, "" 700 1, "" 800 1, "" 900 1, "1 kpps" 1000, "" 2000 1, "" 3000 1, "" 4000 1, "" 5000 1, "" 6000 1, "" 7000 1, "" 8000 1, "" 9000 1, "10 kpps" 10000, "" 20000 1, "" 30000 1, "" 40000 1, "" 50000 1, "" 60000 1, "" 70000 1, "" 80000 1, "" 90000 1, "100 kpps" 100000, "" 200000 1, "" 300000 1, "" 400000 1, "" 500000 1)
set logscale y
set yrange [10000:20000000]
set ylabel "latency"
set ytics ("10 us" 10000, "" 20000 1, "" 30000 1, "" 40000 1, "" 50000 1, "" 60000 1, "" 70000 1, "" 80000 1, "" 90000 1, "100 us" 100000, "" 200000 1, "" 300000 1, "" 400000 1, "" 500000 1, "" 600000 1, "" 700000 1, "" 800000 1, "" 900000 1, "1 ms" 1000000, "" 2000000 1, "" 3000000 1, "" 4000000 1, "" 5000000 1, "" 6000000 1, "" 7000000 1, "" 8000000 1, "" 9000000 1, "10 ms" 10000000, "" 20000000 1)
set offsets graph 0.02, graph 0.02, graph 0.02, graph 0.02
set arrow 10 from screen 0.18667, screen 0.044888 to screen 0.23333, screen 0.044888 nohead front linewidth 2 dashtype 1 linecolor rgb '#0072b2'
set label 10 "p50" at screen 0.24667, screen 0.044888 left front textcolor rgb '#1f2328'
set arrow 11 from screen 0.35167, screen 0.044888 to screen 0.39833, screen 0.044888 nohead front linewidth 2 dashtype 1 linecolor rgb '#d55e00'
set label 11 "p99" at screen 0.41167, screen 0.044888 left front textcolor rgb '#1f2328'
set arrow 12 from screen 0.51667, screen 0.044888 to screen 0.56333, screen 0.044888 nohead front linewidth 2 dashtype 1 linecolor rgb '#009e73'
set label 12 "p99.9" at screen 0.57667, screen 0.044888 left front textcolor rgb '#1f2328'
set arrow 13 from screen 0.68167, screen 0.044888 to screen 0.72833, screen 0.044888 nohead front linewidth 2 dashtype 1 linecolor rgb '#cc79a7'
set label 13 "max" at screen 0.74167, screen 0.044888 left front textcolor rgb '#1f2328'
plot $P0_0 using 1:3:(0):($4-$3) with vectors nohead linewidth 5 linecolor rgb '#a00072b2',\
 $P0_0 using 1:2 with linespoints linewidth 2 linecolor rgb '#0072b2' dashtype 1 pointtype 7 pointsize 0.6 ,\
 $P0_1 using 1:3:(0):($4-$3) with vectors nohead linewidth 5 linecolor rgb '#a0d55e00',\
 $P0_1 using 1:2 with linespoints linewidth 2 linecolor rgb '#d55e00' dashtype 1 pointtype 7 pointsize 0.6 ,\
 $P0_2 using 1:3:(0):($4-$3) with vectors nohead linewidth 5 linecolor rgb '#a0009e73',\
 $P0_2 using 1:2 with linespoints linewidth 2 linecolor rgb '#009e73' dashtype 1 pointtype 7 pointsize 0.6 ,\
 $P0_3 using 1:2 with linespoints linewidth 2 linecolor rgb '#cc79a7' dashtype 1 pointtype 7 pointsize 0.6 
