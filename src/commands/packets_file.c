/* SPDX-License-Identifier: BSD-2-Clause */
#include "commands/packets_file.h"

#include <string.h>
#include <unistd.h>

#include "commands/commands.h"

#define RUN_ROOM (1u << 20) /* of a run in run.json, at most about */

int ws_packets_file_open(struct ws_packets_writer **ret, struct ws_outdir *dir,
	const struct ws_packets_facts *facts, unsigned runs)
{
	const struct ws_packets_config config = {.dirfd = dir->fd, .csv = facts->csv};
	int r;

	*ret = NULL;
	if (!facts->wanted) {
		return 0;
	}
	ws_outdir_keep_room(dir, (uint64_t)(runs + 1) * RUN_ROOM);
	r = ws_packets_writer_new(ret, &config);
	if (r < 0) {
		ws_error("%s/packets.npy: %s (make room, or leave out --packets)", dir->path,
			strerror(-r));
	}
	return r;
}

int ws_packets_file_close(struct ws_packets_writer **writer, const struct ws_outdir *dir,
	struct ws_packets_facts *facts, struct ws_warnings *warnings)
{
	struct ws_packets_counts counts;

	if (!*writer) {
		return 0;
	}
	ws_packets_writer_close(*writer, &counts);
	*writer = NULL;
	facts->rows = counts.rows;
	facts->dropped = counts.dropped;
	facts->unamended = counts.unamended;
	facts->cpu_ns = counts.cpu_ns;
	if (counts.fault < 0) {
		ws_error("%s/packets.npy: %s (%llu packets are in it, %llu are not)", dir->path,
			strerror(-counts.fault), (unsigned long long)counts.rows,
			(unsigned long long)counts.dropped);
		return counts.fault;
	}
	if (counts.dropped) {
		ws_warn(warnings,
			"%llu packets are not in packets.npy: the disk was too slow for them (a faster one, a "
			"lower rate)",
			(unsigned long long)counts.dropped);
	}
	if (counts.unamended) {
		ws_warn(warnings,
			"%llu times packets.npy was not told of a copy or of a late arrival: the disk was too "
			"slow (run.json has them all)",
			(unsigned long long)counts.unamended);
	}
	return 0;
}

void ws_packets_file_discard(struct ws_packets_writer **writer, const struct ws_outdir *dir)
{
	struct ws_packets_counts counts;

	if (*writer) {
		ws_packets_writer_close(*writer, &counts);
		*writer = NULL;
	}
	if (dir->fd >= 0) {
		(void)unlinkat(dir->fd, "packets.npy", 0);
		(void)unlinkat(dir->fd, "packets.csv", 0);
	}
}
