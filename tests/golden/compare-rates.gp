set encoding utf8
set terminal svg size 600,443 noenhanced font 'sans-serif,15' background '#ffffff'
set border 3 linecolor rgb '#8c959f'
set tics out nomirror scale 0.6,0.3 textcolor rgb '#1f2328'
set grid xtics ytics linetype 1 linewidth 1 linecolor rgb '#e6e8eb'
set title textcolor rgb '#1f2328'
set xlabel textcolor rgb '#1f2328'
set ylabel textcolor rgb '#1f2328'
unset key
set bmargin at screen 0.30474
set xlabel offset 0,0.4
set rmargin 5
set title "Latency by rate, 95 % confidence"
$P0_0 << EOD
999.6 12071 12048 12079
17293.08 24143 24096 24159
299880 36223 36160 36255
EOD
$P0_1 << EOD
999.6 51743 51232 52095
17293.08 102527 101568 103423
299880 154367 152960 155391
EOD
$P0_2 << EOD
999.6 228095 148992 460543
17293.08 447487 308480 751615
299880 553471 361984 729087
EOD
$P0_3 << EOD
999.6 8138352 8138352 8138352
17293.08 11575621 11575621 11575621
299880 4946470 4946470 4946470
EOD
$P1_0 << EOD
999.6 9655 9640 9671
17293.08 19295 19264 19311
299880 28975 28944 29007
EOD
$P1_1 << EOD
999.6 40799 40448 41183
17293.08 82239 81472 82943
299880 123071 122048 123903
EOD
$P1_2 << EOD
999.6 92607 65536 121087
17293.08 325119 218752 490751
299880 417023 265984 520703
EOD
$P1_3 << EOD
999.6 788526 788526 788526
17293.08 1547461 1547461 1547461
299880 6165162 6165162 6165162
EOD
set logscale x
set xrange [500:500000]
set xlabel "accepted rate"
set xtics ("" 500 1, "" 600 1, "" 700 1, "" 800 1, "" 900 1, "1 kpps" 1000, "" 2000 1, "" 3000 1, "" 4000 1, "" 5000 1, "" 6000 1, "" 7000 1, "" 8000 1, "" 9000 1, "10 kpps" 10000, "" 20000 1, "" 30000 1, "" 40000 1, "" 50000 1, "" 60000 1, "" 70000 1, "" 80000 1, "" 90000 1, "100 kpps" 100000, "" 200000 1, "" 300000 1, "" 400000 1, "" 500000 1)
set logscale y
set yrange [5000:20000000]
set ylabel "latency"
set ytics ("" 5000 1, "" 6000 1, "" 7000 1, "" 8000 1, "" 9000 1, "10 us" 10000, "" 20000 1, "" 30000 1, "" 40000 1, "" 50000 1, "" 60000 1, "" 70000 1, "" 80000 1, "" 90000 1, "100 us" 100000, "" 200000 1, "" 300000 1, "" 400000 1, "" 500000 1, "" 600000 1, "" 700000 1, "" 800000 1, "" 900000 1, "1 ms" 1000000, "" 2000000 1, "" 3000000 1, "" 4000000 1, "" 5000000 1, "" 6000000 1, "" 7000000 1, "" 8000000 1, "" 9000000 1, "10 ms" 10000000, "" 20000000 1)
set offsets graph 0.02, graph 0.02, graph 0.02, graph 0.02
set arrow 10 from screen 0.11167, screen 0.13544 to screen 0.15833, screen 0.13544 nohead front linewidth 2 dashtype 1 linecolor rgb '#0072b2'
set label 10 "p50 before" at screen 0.17167, screen 0.13544 left front textcolor rgb '#1f2328'
set arrow 11 from screen 0.38167, screen 0.13544 to screen 0.42833, screen 0.13544 nohead front linewidth 2 dashtype 2 linecolor rgb '#0072b2'
set label 11 "p50 after" at screen 0.44167, screen 0.13544 left front textcolor rgb '#1f2328'
set arrow 12 from screen 0.65167, screen 0.13544 to screen 0.69833, screen 0.13544 nohead front linewidth 2 dashtype 1 linecolor rgb '#d55e00'
set label 12 "p99 before" at screen 0.71167, screen 0.13544 left front textcolor rgb '#1f2328'
set arrow 13 from screen 0.11167, screen 0.088036 to screen 0.15833, screen 0.088036 nohead front linewidth 2 dashtype 2 linecolor rgb '#d55e00'
set label 13 "p99 after" at screen 0.17167, screen 0.088036 left front textcolor rgb '#1f2328'
set arrow 14 from screen 0.38167, screen 0.088036 to screen 0.42833, screen 0.088036 nohead front linewidth 2 dashtype 1 linecolor rgb '#009e73'
set label 14 "p99.9 before" at screen 0.44167, screen 0.088036 left front textcolor rgb '#1f2328'
set arrow 15 from screen 0.65167, screen 0.088036 to screen 0.69833, screen 0.088036 nohead front linewidth 2 dashtype 2 linecolor rgb '#009e73'
set label 15 "p99.9 after" at screen 0.71167, screen 0.088036 left front textcolor rgb '#1f2328'
set arrow 16 from screen 0.11167, screen 0.040632 to screen 0.15833, screen 0.040632 nohead front linewidth 2 dashtype 1 linecolor rgb '#cc79a7'
set label 16 "max before" at screen 0.17167, screen 0.040632 left front textcolor rgb '#1f2328'
set arrow 17 from screen 0.38167, screen 0.040632 to screen 0.42833, screen 0.040632 nohead front linewidth 2 dashtype 2 linecolor rgb '#cc79a7'
set label 17 "max after" at screen 0.44167, screen 0.040632 left front textcolor rgb '#1f2328'
plot $P0_0 using 1:3:(0):($4-$3) with vectors nohead linewidth 5 linecolor rgb '#a00072b2',\
 $P0_0 using 1:2 with linespoints linewidth 2 linecolor rgb '#0072b2' dashtype 1 pointtype 7 pointsize 0.6 ,\
 $P1_0 using 1:3:(0):($4-$3) with vectors nohead linewidth 5 linecolor rgb '#a00072b2',\
 $P1_0 using 1:2 with linespoints linewidth 2 linecolor rgb '#0072b2' dashtype 2 pointtype 9 pointsize 0.6 ,\
 $P0_1 using 1:3:(0):($4-$3) with vectors nohead linewidth 5 linecolor rgb '#a0d55e00',\
 $P0_1 using 1:2 with linespoints linewidth 2 linecolor rgb '#d55e00' dashtype 1 pointtype 7 pointsize 0.6 ,\
 $P1_1 using 1:3:(0):($4-$3) with vectors nohead linewidth 5 linecolor rgb '#a0d55e00',\
 $P1_1 using 1:2 with linespoints linewidth 2 linecolor rgb '#d55e00' dashtype 2 pointtype 9 pointsize 0.6 ,\
 $P0_2 using 1:3:(0):($4-$3) with vectors nohead linewidth 5 linecolor rgb '#a0009e73',\
 $P0_2 using 1:2 with linespoints linewidth 2 linecolor rgb '#009e73' dashtype 1 pointtype 7 pointsize 0.6 ,\
 $P1_2 using 1:3:(0):($4-$3) with vectors nohead linewidth 5 linecolor rgb '#a0009e73',\
 $P1_2 using 1:2 with linespoints linewidth 2 linecolor rgb '#009e73' dashtype 2 pointtype 9 pointsize 0.6 ,\
 $P0_3 using 1:2 with linespoints linewidth 2 linecolor rgb '#cc79a7' dashtype 1 pointtype 7 pointsize 0.6 ,\
 $P1_3 using 1:2 with linespoints linewidth 2 linecolor rgb '#cc79a7' dashtype 2 pointtype 9 pointsize 0.6 
