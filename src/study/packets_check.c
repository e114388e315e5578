/* SPDX-License-Identifier: BSD-2-Clause */
#include "study/study.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "file/packets.h"
#include "report/docget.h"
#include "study/study_own.h"

void ws_study_packets(struct ws_rundoc *d)
{
	const json_t *packets = json_object_get(d->json, "packets");
	uint64_t rows = ws_get_count(packets, "rows"), dropped = ws_get_count(packets, "dropped");
	struct ws_packets_reader reader;
	char why[160] = "";
	int dir, r;

	if (!json_is_object(packets)) {
		return;
	}
	if (dropped > 0 && dropped != UINT64_MAX) {
		ws_rundoc_note(d,
			WS_STUDY_PACKETS " lacks %" PRIu64
					 " packets, for which there was no memory",
			dropped);
	}
	dir = ws_study_dir(d->path);
	if (dir < 0) {
		return;
	}
	r = ws_packets_open(&reader, dir, WS_STUDY_PACKETS, why, sizeof(why));
	close(dir);
	if (r < 0) {
		ws_rundoc_note(d, WS_STUDY_PACKETS ": %s", why[0] ? why : strerror(-r));
		return;
	}
	if (rows != UINT64_MAX && reader.rows < rows) {
		ws_rundoc_note(d,
			WS_STUDY_PACKETS
			" ends early: %" PRIu64 " of %" PRIu64
			" packets are in it (the run was killed, or the disk was full)",
			reader.rows, rows);
	} else if (rows != UINT64_MAX && reader.rows > rows) {
		ws_rundoc_note(d,
			WS_STUDY_PACKETS " has %" PRIu64 " packets, and run.json speaks of %" PRIu64
					 ": it is of another run, or of a later rate",
			reader.rows, rows);
	} else if (reader.rest > 0) {
		ws_rundoc_note(d, WS_STUDY_PACKETS " ends within a packet");
	}
	ws_packets_close(&reader);
}
