/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "core/units.h"
#include "tools/relay.h"

static const char help[] =
	"Usage: relay A[@NETNS] B[@NETNS] [OPTION...]\n"
	"  --hold TIME           both ways (default 0)\n"
	"  --hold-forward TIME   from A to B\n"
	"  --hold-backward TIME  from B to A\n"
	"  --hold-ptp TIME       in addition, layer 2 PTP from A to B\n"
	"  --only forward|backward  (default: both ways)\n"
	"  --harm forward|backward|both  probes to which the next are done (default forward)\n"
	"  --lose 1/N            one of every N probes\n"
	"  --lose-burst K@N      K in a row, from the probe on before which there were N\n"
	"  --duplicate 1/N       one of every N, right behind itself\n"
	"  --swap 1/N            one of every N, behind --extent others\n"
	"  --extent K            (default 1)\n"
	"  --seed N              anywhere among the N (default: the last of them)\n"
	"  --probes              nothing else is passed on\n"
	"  --realtime            SCHED_FIFO, where that is granted\n"
	"  --log FILE            which probes\n"
	"  --times FILE          when each was received and sent\n";

_Noreturn void relay_die(int status, const char *what, const char *why)
{
	fprintf(stderr, "relay: %s: %s\n", what, why);
	exit(status);
}

static uint64_t number(const char *name, const char *text, uint64_t least, uint64_t most)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || v < least || v > most) {
		relay_die(2, name, "no such number");
	}
	return v;
}

static uint64_t share(const char *name, const char *text)
{
	if (strncmp(text, "1/", 2) != 0) {
		relay_die(2, name, "not like 1/100");
	}
	return number(name, text + 2, 1, UINT32_MAX);
}

static int64_t duration(const char *name, const char *text)
{
	int64_t ns = 0;

	if (strcmp(text, "0") != 0 && ws_duration_parse(text, &ns) < 0) {
		relay_die(2, name, "not like 20us");
	}
	return ns;
}

static FILE *open_log(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file) {
		relay_die(1, path, strerror(errno));
	}
	return file;
}

static void parse_burst(struct relay *r, const char *text)
{
	const char *at = strchr(text, '@');
	char count[24] = "";

	if (!at || (size_t)(at - text) >= sizeof(count)) {
		relay_die(2, "--lose-burst", "not like 50@1000");
	}
	memcpy(count, text, (size_t)(at - text));
	r->burst = number("--lose-burst", count, 1, UINT32_MAX);
	r->burst_from = number("--lose-burst", at + 1, 0, UINT64_MAX);
}

/* Of both ways, or of the one that is named. */
static bool names_way(const char *name, const char *text, int way)
{
	if (strcmp(text, "both") != 0 && strcmp(text, "forward") != 0 &&
		strcmp(text, "backward") != 0) {
		relay_die(2, name, "neither forward nor backward");
	}
	return strcmp(text, way ? "forward" : "backward") != 0;
}

static void set(struct relay *r, int c, const char *text)
{
	for (int i = 0; i < 2; i++) {
		struct way *w = &r->ways[i];

		switch (c) {
		case 'h':
			w->hold_ns = duration("--hold", text);
			break;
		case 'o':
			w->on = names_way("--only", text, i);
			break;
		case 'm':
			w->harm = names_way("--harm", text, i);
			break;
		case 'l':
			w->lose.every = share("--lose", text);
			break;
		case 'd':
			w->duplicate.every = share("--duplicate", text);
			break;
		case 's':
			w->swap.every = share("--swap", text);
			break;
		}
	}
}

void relay_parse(struct relay *r, int argc, char **argv)
{
	static const struct option longs[] = {
		{"hold", required_argument, NULL, 'h'},
		{"hold-forward", required_argument, NULL, 'f'},
		{"hold-backward", required_argument, NULL, 'b'},
		{"hold-ptp", required_argument, NULL, 'P'},
		{"only", required_argument, NULL, 'o'},
		{"harm", required_argument, NULL, 'm'},
		{"lose", required_argument, NULL, 'l'},
		{"duplicate", required_argument, NULL, 'd'},
		{"swap", required_argument, NULL, 's'},
		{"extent", required_argument, NULL, 'e'},
		{"seed", required_argument, NULL, 'r'},
		{"probes", no_argument, NULL, 'p'},
		{"realtime", no_argument, NULL, 'R'},
		{"lose-burst", required_argument, NULL, 'B'},
		{"times", required_argument, NULL, 'T'},
		{"log", required_argument, NULL, 'L'},
		{"help", no_argument, NULL, 'H'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'f':
			r->ways[0].hold_ns = duration("--hold-forward", optarg);
			break;
		case 'b':
			r->ways[1].hold_ns = duration("--hold-backward", optarg);
			break;
		case 'P':
			r->ways[0].hold_ptp_ns = duration("--hold-ptp", optarg);
			break;
		case 'e':
			r->extent = (uint32_t)number("--extent", optarg, 1, 1000000);
			break;
		case 'r':
			r->seed = number("--seed", optarg, 0, UINT64_MAX);
			r->seeded = true;
			break;
		case 'p':
			r->probes_only = true;
			break;
		case 'R':
			r->realtime = true;
			break;
		case 'L':
			r->log = open_log(optarg);
			break;
		case 'T':
			r->times = open_log(optarg);
			break;
		case 'B':
			parse_burst(r, optarg);
			break;
		case 'H':
			fputs(help, stdout);
			exit(0);
		case '?':
			exit(2); /* getopt has said why */
		default:
			set(r, c, optarg);
		}
	}
	if (argc - optind != 2) {
		relay_die(2, "two interfaces are needed", "see relay --help");
	}
	r->ends[0] = argv[optind];
	r->ends[1] = argv[optind + 1];
}
