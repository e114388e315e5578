// SPDX-License-Identifier: BSD-2-Clause
/*
 * Rows go through a ring of memory in the very bytes of the file, so that they are written from where they were
 * put. Amendments go through a ring of their own; each says how many rows had been put before it, which is
 * what the order between the two comes to.
 *
 * A row is known by its number, from 0, in the order in which rows were accepted: it stands at that place in
 * the file, and before it is written at that place modulo capacity in the ring.
 */
#include "file/packets.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/spsc.h"
#include "file/packets_own.h"

#define NPY_NAME       "packets.npy"
#define CSV_NAME       "packets.csv"
#define DEFAULT_MEMORY (64u << 20)
#define LEAST_ROWS     64
#define PIECE_ROWS     ((1u << 20) / WS_PACKETS_ROW) /* of one call of write */
#define AMEND_SHARE    8			     /* of the memory, about */
#define LEAST_AMENDS   64
#define MOST_AMENDS    (1u << 20)
/* What was put is in the file after this time. */
#define WAIT_NS	     1000000000
#define NSEC_PER_SEC 1000000000
/* Two lines of the cache: see core/spsc.c. */
#define APART 128

struct amendment {
	uint64_t before; /* rows that had been put */
	uint64_t seq;
	uint32_t run, or_flags, clear_flags;
	bool has_at;
	int64_t at[WS_INSTANTS];
};

struct ws_packets_writer {
	/* written by new alone */
	alignas(APART) uint8_t *ring;
	uint64_t capacity; /* of the ring, in rows */
	uint64_t wake;	   /* the thread is woken for so many rows */
	struct ws_spsc *amendments;
	uint64_t wake_amendments;
	pthread_t thread;
	sem_t woken;
	atomic_bool closing;
	/* the producer's */
	alignas(APART) _Atomic uint64_t head; /* rows put */
	uint8_t *next;			      /* where the next one goes */
	uint64_t seen_tail, wake_at;
	uint64_t dropped, amends, dropped_amends;
	/* the thread's */
	alignas(APART) _Atomic uint64_t tail; /* rows written, or lost after a fault */
	atomic_bool failed;		      /* nothing is written any more */
	alignas(APART) struct ws_sink npy;
	struct ws_sink csv;
	uint64_t rows; /* in the file */
	struct ws_packets_counts counts;
};

int ws_packets_write_at(int fd, const void *buf, size_t len, uint64_t at)
{
	const char *from = buf;

	while (len > 0) {
		ssize_t n = pwrite(fd, from, len, (off_t)at);

		if (n == 0) {
			return -EIO;
		}
		if (n < 0 && errno != EINTR) {
			return -errno;
		}
		if (n > 0) {
			from += n;
			at += (uint64_t)n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static void fault(struct ws_packets_writer *w, int r)
{
	if (w->counts.fault == 0) {
		w->counts.fault = r;
	}
}

bool ws_packets_put(struct ws_packets_writer *w, const struct ws_packet_row *row)
{
	uint64_t head = atomic_load_explicit(&w->head, memory_order_relaxed);

	if (head - w->seen_tail == w->capacity) {
		/* Pairs with the release after writing: the row there has been read. */
		w->seen_tail = atomic_load_explicit(&w->tail, memory_order_acquire);
	}
	if (head - w->seen_tail == w->capacity ||
		atomic_load_explicit(&w->failed, memory_order_relaxed)) {
		w->dropped++;
		return false;
	}
	ws_packets_encode(w->next, row);
	w->next += WS_PACKETS_ROW;
	if (w->next == w->ring + w->capacity * WS_PACKETS_ROW) {
		w->next = w->ring;
	}
	head++;
	atomic_store_explicit(&w->head, head, memory_order_release);
	if (head == w->wake_at) {
		w->wake_at += w->wake;
		(void)sem_post(&w->woken);
	}
	return true;
}

bool ws_packets_amend(struct ws_packets_writer *w, uint32_t run, uint64_t seq, uint32_t or_flags,
	uint32_t clear_flags, const int64_t at[WS_INSTANTS])
{
	struct amendment a = {
		.before = atomic_load_explicit(&w->head, memory_order_relaxed),
		.run = run,
		.seq = seq,
		.or_flags = or_flags,
		.clear_flags = clear_flags,
		.has_at = at != NULL,
	};

	if (at) {
		memcpy(a.at, at, sizeof(a.at));
	}
	if (!ws_spsc_push(w->amendments, &a)) {
		w->dropped_amends++;
		return false;
	}
	if (++w->amends % w->wake_amendments == 0) {
		(void)sem_post(&w->woken);
	}
	return true;
}

static uint8_t *in_ring(const struct ws_packets_writer *w, uint64_t number)
{
	return w->ring + number % w->capacity * WS_PACKETS_ROW;
}

/* The bytes of a row, in the ring or else in buf. NULL: *ret_r says why. */
static const uint8_t *row_bytes(
	const struct ws_packets_writer *w, uint64_t number, uint8_t buf[WS_PACKETS_ROW], int *ret_r)
{
	if (number >= atomic_load_explicit(&w->tail, memory_order_relaxed)) {
		return in_ring(w, number);
	}
	*ret_r = ws_packets_read_at(w->npy.fd, buf, WS_PACKETS_ROW, ws_packets_row_at(number));
	return *ret_r < 0 ? NULL : buf;
}

/* A search for a row among those with numbers from low up to, not including, high. */
struct search {
	const struct ws_packets_writer *w;
	uint32_t run;
	uint64_t seq;
	uint64_t low, high;
};

/* Looks at one row in between: 1 if it is the one; else 0, and the ends are moved; or -errno. */
static int look_at(struct search *s, uint64_t number, struct ws_packet_row *ret)
{
	uint8_t buf[WS_PACKETS_ROW];
	const uint8_t *bytes;
	int r = 0;

	bytes = row_bytes(s->w, number, buf, &r);
	if (!bytes) {
		return r;
	}
	ws_packets_decode(ret, bytes);
	if (ret->run == s->run && ret->seq == s->seq) {
		return 1;
	}
	if (ret->run < s->run || (ret->run == s->run && ret->seq < s->seq)) {
		s->low = number + 1;
	} else {
		s->high = number;
	}
	return 0;
}

/* Finds the row: 1, 0 if there is none, or -errno. */
static int find(struct search *s, uint64_t *ret_number, struct ws_packet_row *ret)
{
	uint64_t at, back;
	int r;

	if (s->low >= s->high) {
		return 0;
	}
	at = s->high - 1;
	r = look_at(s, at, ret);
	if (r == 0 && s->low < s->high && ret->run == s->run) {
		/*
		 * In a run, sequences rise by one at least. So it stands at most as many rows before this one as
		 * its sequence is less, and fewer only by those that were dropped or left out: from there in
		 * growing steps.
		 */
		back = ret->seq - s->seq;
		at = back <= at ? at - back : 0;
		for (uint64_t step = 1; r == 0 && s->low <= at && at < s->high; step *= 2) {
			*ret_number = at;
			r = look_at(s, at, ret);
			at = s->low + step - 1;
		}
	} else {
		*ret_number = at;
	}
	while (r == 0 && s->low < s->high) {
		*ret_number = s->low + (s->high - s->low) / 2;
		r = look_at(s, *ret_number, ret);
	}
	return r;
}

static void amend_row(struct ws_packet_row *row, const struct amendment *a)
{
	row->flags = (row->flags & ~a->clear_flags) | a->or_flags;
	for (unsigned i = 0; a->has_at && i < WS_INSTANTS; i++) {
		if (a->at[i] != WS_PACKETS_UNKNOWN) {
			row->at[i] = a->at[i];
		}
	}
}

static void apply(struct ws_packets_writer *w, const struct amendment *a)
{
	bool failed = atomic_load_explicit(&w->failed, memory_order_relaxed);
	uint64_t end = failed && w->rows < a->before ? w->rows : a->before, number;
	struct search s = {.w = w, .run = a->run, .seq = a->seq, .high = end};
	struct ws_packet_row row;
	uint8_t bytes[WS_PACKETS_ROW];
	int r = find(&s, &number, &row);

	if (r == 1) {
		amend_row(&row, a);
		if (number >= atomic_load_explicit(&w->tail, memory_order_relaxed)) {
			ws_packets_encode(in_ring(w, number), &row);
			r = 0;
		} else {
			ws_packets_encode(bytes, &row);
			r = ws_packets_write_at(
				w->npy.fd, bytes, sizeof(bytes), ws_packets_row_at(number));
		}
		w->counts.amended += r == 0;
	}
	if (r < 0) {
		fault(w, r);
		w->counts.unamended++;
	}
}

/* Writes a piece of the rows before this number, or loses it after a fault. */
static void write_piece(struct ws_packets_writer *w, uint64_t head)
{
	uint64_t tail = atomic_load_explicit(&w->tail, memory_order_relaxed);
	uint64_t n = head - tail, to_end = w->capacity - tail % w->capacity, kept = 0;

	n = n < to_end ? n : to_end;
	n = n < PIECE_ROWS ? n : PIECE_ROWS;
	if (!atomic_load_explicit(&w->failed, memory_order_relaxed)) {
		size_t done;
		int r = ws_sink_write(&w->npy, in_ring(w, tail), n * WS_PACKETS_ROW, &done);

		kept = done / WS_PACKETS_ROW;
		w->rows += kept;
		if (r < 0) {
			ws_sink_cut(&w->npy, ws_packets_row_at(w->rows));
			fault(w, r);
			atomic_store_explicit(&w->failed, true, memory_order_relaxed);
		}
	}
	w->counts.dropped += n - kept;
	atomic_store_explicit(&w->tail, tail + n, memory_order_release);
}

/* What is there; what comes meanwhile only if it is enough to be woken for. */
static void drain(struct ws_packets_writer *w)
{
	uint64_t head;

	do {
		const struct amendment *a;

		/* As many rows as this were put before an amendment that is seen: those rows are seen, too. */
		while ((a = ws_spsc_front(w->amendments)) != NULL) {
			apply(w, a);
			ws_spsc_pop(w->amendments);
		}
		head = atomic_load_explicit(&w->head, memory_order_acquire);
		while (atomic_load_explicit(&w->tail, memory_order_relaxed) != head) {
			write_piece(w, head);
		}
	} while (atomic_load_explicit(&w->head, memory_order_acquire) - head >= w->wake);
}

static void wait_for_more(struct ws_packets_writer *w)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WAIT_NS / NSEC_PER_SEC;
	/* Woken, too late, or anything else: there may be something. */
	(void)sem_clockwait(&w->woken, CLOCK_MONOTONIC, &until);
	while (sem_trywait(&w->woken) == 0) {
		/* All of them are for one look. */
	}
}

/* Completes the files, and brings them to the disk. */
static void complete(struct ws_packets_writer *w)
{
	char header[WS_PACKETS_HEADER];
	int r = ws_sink_sync(&w->npy);
	struct stat st;

	if (r < 0) {
		fault(w, r);
	}
	/* A server that ran out of space may have said yes to more than it has. */
	if (w->counts.fault < 0 && fstat(w->npy.fd, &st) == 0 &&
		(uint64_t)st.st_size < ws_packets_row_at(w->rows)) {
		uint64_t size = (uint64_t)st.st_size;
		uint64_t rows =
			size < WS_PACKETS_HEADER ? 0 : (size - WS_PACKETS_HEADER) / WS_PACKETS_ROW;

		w->counts.dropped += w->rows - rows;
		w->rows = rows;
		ws_sink_cut(&w->npy, ws_packets_row_at(rows));
	}
	ws_packets_header(header, w->rows);
	r = ws_packets_write_at(w->npy.fd, header, sizeof(header), 0);
	if (r == 0) {
		r = ws_sink_sync(&w->npy);
	}
	if (r < 0) {
		fault(w, r);
	}
	if (w->csv.fd >= 0) {
		r = ws_packets_csv(w->npy.fd, w->rows, &w->csv);
		if (r == 0) {
			r = ws_sink_sync(&w->csv);
		}
		if (r < 0) {
			fault(w, r);
		}
	}
}

static void *work(void *arg)
{
	const struct sched_param none = {0};
	struct ws_packets_writer *w = arg;
	struct timespec cpu;
	bool last;

	/* Not real-time even if the caller is, and nobody is interrupted when this is woken. */
	(void)sched_setscheduler(0, SCHED_BATCH, &none);
	do {
		wait_for_more(w);
		/* Asked first: what was put before is then seen. */
		last = atomic_load_explicit(&w->closing, memory_order_acquire);
		drain(w);
	} while (!last);
	complete(w);
	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0) {
		w->counts.cpu_ns = cpu.tv_sec * INT64_C(1000000000) + cpu.tv_nsec;
	}
	return NULL;
}

/* Makes a file, open for reading, too. 0 or -errno. */
static int make(int dirfd, const char *name, struct ws_sink *ret)
{
	struct stat dir;
	int fd, r;

	do {
		fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		return -errno;
	}
	if (geteuid() == 0 && fstat(dirfd, &dir) == 0 && dir.st_uid != 0 &&
		fchown(fd, dir.st_uid, dir.st_gid) < 0) {
		/* Best effort: the file is complete either way. */
		errno = 0;
	}
	r = ws_sink_init(ret, fd, false);
	if (r < 0) {
		close(fd);
		(void)unlinkat(dirfd, name, 0);
		ret->fd = -1;
	}
	return r;
}

static int make_files(struct ws_packets_writer *w, const struct ws_packets_config *config)
{
	char header[WS_PACKETS_HEADER];
	size_t done;
	int r = make(config->dirfd, NPY_NAME, &w->npy);

	if (r < 0) {
		return r;
	}
	ws_packets_header(header, 0);
	r = ws_sink_write(&w->npy, header, sizeof(header), &done);
	if (r == 0 && config->csv) {
		r = make(config->dirfd, CSV_NAME, &w->csv);
	}
	return r;
}

static int make_rings(struct ws_packets_writer *w, uint64_t memory)
{
	uint64_t rows, amends = LEAST_AMENDS, share;
	void *ring;
	int r;

	memory = memory ? memory : DEFAULT_MEMORY;
	if (memory > SIZE_MAX / 2) {
		return -ENOMEM;
	}
	share = memory / AMEND_SHARE / sizeof(struct amendment);
	while (amends * 2 <= share && amends < MOST_AMENDS) {
		amends *= 2;
	}
	r = ws_spsc_new(&w->amendments, (uint32_t)amends, sizeof(struct amendment));
	if (r < 0) {
		return r;
	}
	memory -= amends * sizeof(struct amendment) < memory ? amends * sizeof(struct amendment)
							     : memory;
	rows = memory / WS_PACKETS_ROW;
	rows = rows < LEAST_ROWS ? LEAST_ROWS : rows;
	ring = mmap(NULL, rows * WS_PACKETS_ROW, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED) {
		return -errno;
	}
	w->ring = ring;
	w->capacity = rows;
	/* Large pages, if they are to be had, are fewer to be looked up. */
	(void)madvise(ring, rows * WS_PACKETS_ROW, MADV_HUGEPAGE);
	/* The kernel supplies a page at its first write: now, not amid a measurement. */
	memset(ring, 0, rows * WS_PACKETS_ROW);
	w->next = w->ring;
	w->wake = rows / 4 < PIECE_ROWS ? rows / 4 : PIECE_ROWS;
	w->wake_at = w->wake;
	w->wake_amendments = amends / 4;
	return 0;
}

/* No signal is the thread's: they are for those who wait for them. And a file at its limit of size is then an
 * error of write. */
static int start(struct ws_packets_writer *w)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

static void destroy(struct ws_packets_writer *w)
{
	if (w->ring) {
		munmap(w->ring, w->capacity * WS_PACKETS_ROW);
	}
	ws_spsc_free(w->amendments);
	(void)sem_destroy(&w->woken);
	free(w);
}

int ws_packets_writer_new(struct ws_packets_writer **ret, const struct ws_packets_config *config)
{
	struct ws_packets_writer *w = aligned_alloc(APART, sizeof(*w));
	int r;

	if (!w) {
		return -ENOMEM;
	}
	memset(w, 0, sizeof(*w));
	w->npy.fd = -1;
	w->csv.fd = -1;
	atomic_init(&w->closing, false);
	atomic_init(&w->head, 0);
	atomic_init(&w->tail, 0);
	atomic_init(&w->failed, false);
	(void)sem_init(&w->woken, 0, 0);
	r = make_rings(w, config->memory);
	if (r == 0) {
		r = make_files(w, config);
	}
	if (r == 0) {
		r = start(w);
	}
	if (r < 0) {
		/* Only what was made here is removed. */
		if (w->csv.fd >= 0) {
			(void)ws_sink_close(&w->csv);
			(void)unlinkat(config->dirfd, CSV_NAME, 0);
		}
		if (w->npy.fd >= 0) {
			(void)ws_sink_close(&w->npy);
			(void)unlinkat(config->dirfd, NPY_NAME, 0);
		}
		destroy(w);
		return r;
	}
	*ret = w;
	return 0;
}

void ws_packets_writer_close(struct ws_packets_writer *w, struct ws_packets_counts *ret)
{
	int r;

	*ret = (struct ws_packets_counts){0};
	if (!w) {
		return;
	}
	atomic_store_explicit(&w->closing, true, memory_order_release);
	(void)sem_post(&w->woken);
	(void)pthread_join(w->thread, NULL);
	r = ws_sink_close(&w->npy);
	if (r < 0) {
		fault(w, r);
	}
	r = ws_sink_close(&w->csv);
	if (r < 0) {
		fault(w, r);
	}
	*ret = w->counts;
	ret->rows = w->rows;
	ret->dropped += w->dropped;
	ret->unamended += w->dropped_amends;
	destroy(w);
}
