/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A scripted version of src/host/sys.c: links instead of it, and makes no system call.
 *
 * Behind it stands a small model of the kernel: AF_PACKET sockets on one interface, their options,
 * a receive ring on malloc'd memory, a receive queue that the test fills, and a transmit path with
 * stamps on a bounded error queue (net/packet/af_packet.c, net/core/sock.c, net/core/skbuff.c). On
 * top of the model, any call can be given another answer. Every call but those that read a clock or
 * sleep is logged.
 *
 * State is global, as the kernel's is: sys_fake_reset() goes before each test. The clock may be
 * read and slept on by several threads at once; everything else is for one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/restore.h"
#include "host/sys.h"

enum sys_fake_fn {
	SYS_FAKE_SOCKET,
	SYS_FAKE_BIND,
	SYS_FAKE_CONNECT,
	SYS_FAKE_SETSOCKOPT,
	SYS_FAKE_GETSOCKOPT,
	SYS_FAKE_GETSOCKNAME,
	SYS_FAKE_SENDTO,
	SYS_FAKE_RECV,
	SYS_FAKE_SENDMSG,
	SYS_FAKE_SENDMMSG,
	SYS_FAKE_RECVMMSG,
	SYS_FAKE_IOCTL,
	SYS_FAKE_POLL,
	SYS_FAKE_MMAP,
	SYS_FAKE_MUNMAP,
	SYS_FAKE_CLOSE,
	SYS_FAKE_OPEN,
	SYS_FAKE_READ,
	SYS_FAKE_WRITE,
	SYS_FAKE_UNSHARE,
	SYS_FAKE_SETNS,
	SYS_FAKE_PRCTL,
	SYS_FAKE_UNAME,
	SYS_FAKE_SPAWN,
	SYS_FAKE_WAITPID,
	SYS_FAKE_SETSID,
	SYS_FAKE_SOCKETPAIR,
	SYS_FAKE_SHUTDOWN,
	SYS_FAKE_CLOSE_RANGE,
	SYS_FAKE_ACCESS,
	SYS_FAKE_SETRESUID,
	SYS_FAKE_SETRESGID,
	SYS_FAKE_SETGROUPS,
	SYS_FAKE_CAPGET,
	SYS_FAKE_CAPSET,
	SYS_FAKE_USER_BY_NAME,
	SYS_FAKE_USER_BY_ID,
	SYS_FAKE_USER_GROUPS,
	SYS_FAKE_SETAFFINITY,
	SYS_FAKE_GETAFFINITY,
	SYS_FAKE_SETSCHEDULER,
	SYS_FAKE_GETRLIMIT,
	SYS_FAKE_SETRLIMIT,
	SYS_FAKE_MLOCKALL,
	SYS_FAKE_TRY_WAITPID,
	SYS_FAKE_RUN,
	SYS_FAKE_KILL,
	SYS_FAKE_PIPE,
	SYS_FAKE_ADJTIMEX,
	SYS_FAKE_LIST, /* data: the names, each with its NUL */
	SYS_FAKE_READLINK,
	SYS_FAKE_MKDIR,
};

struct sys_fake_call {
	enum sys_fake_fn fn;
	int fd;
	int level; /* of an option; socket: the domain */
	int name;  /* of an option; socket: the protocol; ioctl: the request; setns, prctl: type,
		      option; of a limit: the resource; setscheduler: the policy */
	/* What was passed: the first 4 bytes of an option's value, the flags of a call that has
	 * some, the interface index of bind. */
	int64_t value;
	size_t len; /* of an option's value or a buffer; number of messages; length of a mapping */
	char path[96];	   /* of open, access, list and readlink, a user's name */
	uint8_t start[32]; /* of an option's value, as much as fits */
	ssize_t ret;
};

/* The kernel that is modelled. A test may change it at any time; sys_fake_reset() sets what is
 * noted. */
struct sys_fake_kernel {
	int64_t clock_step_ns;	    /* each reading of a clock moves time on by this; 0 */
	int64_t realtime_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC; 1.7e18 */
	bool explicit_keys;	    /* knows SCM_TS_OPT_ID: Linux 6.13; true */
	bool may_force;	    /* SO_RCVBUFFORCE and the like are allowed, as by CAP_NET_ADMIN; true */
	uint32_t rmem_max;  /* 212992; of send buffers, too */
	bool txtime;	    /* knows SO_TXTIME: Linux 4.19; true */
	bool narrow_pacing; /* SO_MAX_PACING_RATE has 32 bits: before 5.0; false */
	uint32_t stamp_truesize; /* of the receive buffer, that an unread stamp takes; 850 */
	int ifindex;		 /* of the one interface; 7 */
	bool up;		 /* true */
	bool removed;		 /* false */
	bool tx_hardware;	 /* gives hardware transmit stamps; false */
	uint32_t mtu;		 /* 1500 */
	unsigned sendmmsg_max;	 /* messages that one call takes; 0, no limit */
	bool holds;		 /* frames sent through a ring stay in a queue; false */
	int64_t send_ns;	 /* a message moves the clock on by this before it is stamped; 0 */
	uid_t euid;		 /* 0 */
	bool no_rollover;	 /* refuses PACKET_FANOUT_FLAG_ROLLOVER; false */
	uint32_t fanout_next;	 /* number of the next fanout group; 0 */
	bool leaky_keys;	 /* a datagram that failed used up a key: older kernels; false */
	bool device_is_root;	 /* SO_BINDTODEVICE takes CAP_NET_RAW: before 5.7; false */
};
extern struct sys_fake_kernel sys_fake_kernel;

/* Forgets everything: descriptors, log, answers. The clock stands at 1000 s. */
void sys_fake_reset(void);

/* CLOCK_MONOTONIC; may be written. */
int64_t *sys_fake_clock(void);

/* The calls so far, oldest first; valid until the next call. */
const struct sys_fake_call *sys_fake_log(size_t *ret_n);
/* Forgets the calls so far. */
void sys_fake_forget_log(void);
/* The first call at or after index `from` of the log; -1 if there is none. */
#define SYS_FAKE_ANY (-1)
int sys_fake_find(size_t from, enum sys_fake_fn fn, int level, int name);

/*
 * The next calls of this kind are not carried out, but give `ret` and, if there are any, these
 * bytes in whatever the call writes to. Answers are used up in the order in which they were given.
 */
struct sys_fake_answer {
	enum sys_fake_fn fn;
	int level, name; /* or SYS_FAKE_ANY */
	unsigned skip;	 /* matching calls that are carried out before */
	unsigned times;	 /* 0 counts as 1 */
	ssize_t ret;
	const void *data; /* must stay valid */
	size_t data_len;
};
void sys_fake_answer(const struct sys_fake_answer *answer);

/* One message that came to the modelled transmit path, whatever became of it. */
struct sys_fake_sent {
	int fd;
	int status; /* 0 or -errno */
	uint32_t len;
	uint32_t record; /* SOF_TIMESTAMPING_TX_* in force for it */
	bool keyed;	 /* it used up or brought a key */
	bool explicit_key;
	uint32_t key;
	bool launched; /* it brought a launch time */
	int64_t launch_ns;
	int64_t time_ns; /* CLOCK_REALTIME: its stamps say this */
	/* of datagrams */
	struct sockaddr_storage to;
	bool has_source; /* it brought the address that it is to come from */
	struct sockaddr_storage source;
	uint8_t head[64];
};
const struct sys_fake_sent *sys_fake_sent(size_t *ret_n);

/* The n-th message (from 0, counted as in sys_fake_sent) fails. -ENOBUFS: after it was given its
 * key, as a queueing discipline or a driver refuses. */
void sys_fake_send_fails(size_t n, int error);
/* These stages (set of ws_stage) of the n-th message leave no stamp. */
void sys_fake_lose_stamps(size_t n, unsigned stages);
/* Puts a stamp on the error queue that belongs to no message. scm: SCM_TSTAMP_*. */
void sys_fake_stray_stamp(int fd, uint32_t key, uint32_t scm);
/* Frames of the socket's transmit ring that are in a queue leave it, oldest first. */
void sys_fake_complete(int fd, unsigned n);
/* Stamps on the error queue, the most there ever were, and those that found it full. */
struct sys_fake_errqueue {
	unsigned now, most, dropped;
};
struct sys_fake_errqueue sys_fake_errqueue(int fd);

/* Queues a packet for recv and recvmmsg; control holds its control messages. */
void sys_fake_receive(
	int fd, const void *data, size_t len, const void *control, size_t control_len);
/* The same, from an address. */
void sys_fake_receive_from(int fd, const void *data, size_t len, const void *control,
	size_t control_len, const struct sockaddr_storage *from);
/* A UDP socket's buffer was full for n more datagrams, as SO_MEMINFO tells. */
void sys_fake_drop(int fd, unsigned n);
/* An ICMP message of IPv4 comes back to a UDP socket, and is its pending error. */
void sys_fake_icmp(int fd, int error, uint8_t type, uint8_t code);
/* Adds to what PACKET_STATISTICS gives next; packets includes drops. */
void sys_fake_statistics(int fd, unsigned packets, unsigned drops, unsigned freezes);
/* The memory of a socket's receive ring; NULL: it has none. */
void *sys_fake_ring(int fd, size_t *ret_len);
/* What a driver's own statistics are, to the requests of ethtool's ioctl; NULL: it has none. */
struct sys_fake_statistics {
	const char *const *names;
	const uint64_t *values;
	uint32_t n;
	uint32_t added; /* come up after they were counted */
};
void sys_fake_ethtool(const struct sys_fake_statistics *statistics);
/* Takes the interface down, or up again, as sockets get to see it. */
void sys_fake_link(bool up);
/* Descriptors that are open. */
unsigned sys_fake_open_descriptors(void);

/*
 * Rights as kernel/sys.c, kernel/groups.c and security/commoncap.c give and take them. A test may
 * change them at any time; sys_fake_reset() makes the process root with all of them.
 */
#define SYS_FAKE_ALL_CAPS ((UINT64_C(1) << 41) - 1)
#define SYS_FAKE_GROUPS	  16

struct sys_fake_process {
	uid_t uid[3]; /* real, effective, saved */
	gid_t gid[3];
	gid_t groups[SYS_FAKE_GROUPS];
	size_t n_groups;
	struct ws_sys_caps caps;
	uint64_t bounding, ambient;
	bool dumpable, no_new_privs, no_setgroups; /* the last: as in /proc/self/setgroups */
	uid_t mapped_uids; /* of the user namespace, from 0 on; UINT32_MAX */
	bool leads_session;
	uint32_t closed_from, kept, closed_to; /* by the last two calls of close_range */
	uint64_t memlock; /* RLIMIT_MEMLOCK, of which RLIM_INFINITY cannot be undone */
};
extern struct sys_fake_process sys_fake_process;

/* The one directory that access() knows. Every path is this one. */
struct sys_fake_directory {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};
extern struct sys_fake_directory sys_fake_directory;

/*
 * A child is kept until waitpid, and then runs with the rights that the process had when it was
 * made, with what was sent to it by then, and with nobody at the other end. The process's rights
 * are as before after that. Returns its exit status; -1 if there is no child.
 */
int sys_fake_run_child(void);
/* The rights that the last child had when it ended. */
extern struct sys_fake_process sys_fake_child;

/* Hardware time stamps of the one interface; the driver has none unless a test says so. */
struct sys_fake_stamps {
	bool known;		  /* answers ETHTOOL_GET_TS_INFO */
	uint32_t claims;	  /* SOF_TIMESTAMPING_* */
	uint32_t filters;	  /* bit n: HWTSTAMP_FILTER_n */
	int phc;		  /* -1 */
	int get_error, set_error; /* or 0 */
	unsigned set_error_times; /* 0: for ever */
	int makes_of_all;	  /* the filter that is set when all is asked for */
	uint32_t tx_types;	  /* bit n: HWTSTAMP_TX_n */
	uint32_t refused; /* filters that give the error refusal; bit n: HWTSTAMP_FILTER_n */
	int refusal;
	int widens_to;	  /* the filter that is set when another one than all and none is; or 0 */
	bool keeps_tx;	  /* whatever the transmit type that is asked for */
	bool goes_silent; /* says nothing any more once it was set */
	bool lies;	  /* claims to have set what was asked for */
	struct ws_restore_hwtstamp now;
};
extern struct sys_fake_stamps sys_fake_stamps;
