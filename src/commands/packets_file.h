/* SPDX-License-Identifier: BSD-2-Clause */
/* packets.npy of a command: opened beside run.json, closed with what became of it. Errors are printed here. */
#pragma once

#include "file/packets.h"
#include "report/outdir.h"
#include "report/result.h"

/*
 * If facts->wanted. Keeps room in the directory for run.json with so many runs: packets take what room there
 * is, and without run.json they would be worth little. *ret is NULL if they are not wanted. 0, or -errno after one line was printed.
 */
int ws_packets_file_open(struct ws_packets_writer **ret, struct ws_outdir *dir,
	const struct ws_packets_facts *facts, unsigned runs);
/* Accepts a writer of NULL. 0, or -errno after one line was printed; what is not in it is a warning, too. */
int ws_packets_file_close(struct ws_packets_writer **writer, const struct ws_outdir *dir,
	struct ws_packets_facts *facts, struct ws_warnings *warnings);
/* Nothing was measured: nothing is kept. */
void ws_packets_file_discard(struct ws_packets_writer **writer, const struct ws_outdir *dir);
