/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving up rights, on a modelled process: what is left, and what happens where a step is denied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "fake/sys_fake.h"
#include "host/privileges.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define CAP(name)   (UINT64_C(1) << (name))
#define DIRECTORY   "captures"
#define STATUS_FILE 50

static const struct ws_invoker nobody_called = {.known = false};
static const struct ws_invoker alice = {.known = true, .uid = 1000, .gid = 1001};

static int reset(void **state)
{
	(void)state;
	sys_fake_reset();
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	unsetenv("DOAS_USER");
	unsetenv("PKEXEC_UID");
	return 0;
}

static void answer(enum sys_fake_fn fn, int name, unsigned skip, ssize_t ret)
{
	const struct sys_fake_answer a = {
		.fn = fn, .level = SYS_FAKE_ANY, .name = name, .skip = skip, .ret = ret};

	sys_fake_answer(&a);
}

static void assert_ids(uid_t uid, gid_t gid)
{
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sys_fake_process.uid[i], uid);
		assert_int_equal(sys_fake_process.gid[i], gid);
	}
}

static void assert_caps(uint64_t caps)
{
	assert_int_equal(sys_fake_process.caps.permitted, caps);
	assert_int_equal(sys_fake_process.caps.effective, caps);
	assert_int_equal(sys_fake_process.caps.inheritable, 0);
	assert_int_equal(sys_fake_process.ambient, 0);
	assert_true(sys_fake_process.no_new_privs);
}

static void invoker_from_the_environment(void **state)
{
	static const struct {
		const char *sudo_uid, *sudo_gid, *doas, *pkexec;
		bool known;
		uid_t uid;
		gid_t gid;
	} rows[] = {
		{NULL, NULL, NULL, NULL, false, 0, 0},
		{"1000", "1001", NULL, NULL, true, 1000, 1001},
		{"4294967294", "0", NULL, NULL, true, 4294967294U, 0},
		{"4294967295", "1001", NULL, NULL, false, 0, 0},
		{"4294967296", "1001", NULL, NULL, false, 0, 0},
		{"99999999999999999999", "1", NULL, NULL, false, 0, 0},
		{"0", "0", NULL, NULL, false, 0, 0},
		{"1000", NULL, NULL, NULL, false, 0, 0},
		{"1000", "", NULL, NULL, false, 0, 0},
		{"-1", "1001", NULL, NULL, false, 0, 0},
		{" 1000", "1001", NULL, NULL, false, 0, 0},
		{"1000x", "1001", NULL, NULL, false, 0, 0},
		{"0x10", "1001", NULL, NULL, false, 0, 0},
		{NULL, NULL, "alice", NULL, true, 1000, 1001},
		{NULL, NULL, "root", NULL, false, 0, 0},
		{NULL, NULL, "mallory", NULL, false, 0, 0},
		{NULL, NULL, NULL, "1000", true, 1000, 1001},
		{NULL, NULL, NULL, "1002", false, 0, 0},
		{"bad", "1001", "alice", NULL, true, 1000, 1001},
		{"0", "0", NULL, "1000", true, 1000, 1001},
	};

	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		const char *const names[] = {"SUDO_UID", "SUDO_GID", "DOAS_USER", "PKEXEC_UID"};
		const char *const values[] = {rows[i / 2].sudo_uid, rows[i / 2].sudo_gid,
			rows[i / 2].doas, rows[i / 2].pkexec};
		bool root = i % 2;
		struct ws_invoker who;

		reset(state);
		for (size_t k = 0; k < COUNT(names); k++) {
			if (values[k]) {
				setenv(names[k], values[k], 1);
			}
		}
		if (!root) {
			sys_fake_process.uid[0] = sys_fake_process.uid[1] = 1000;
		}
		who = ws_invoker_get();
		assert_int_equal(who.known, root && rows[i / 2].known);
		if (who.known) {
			assert_int_equal(who.uid, rows[i / 2].uid);
			assert_int_equal(who.gid, rows[i / 2].gid);
		}
	}
}

/* Anybody can set variables for a program that is set-user-ID root. */
static void invoker_of_a_set_user_id_program(void **state)
{
	struct ws_invoker who;
	char said[200];

	(void)state;
	setenv("SUDO_UID", "1", 1);
	setenv("SUDO_GID", "1", 1);
	sys_fake_process.uid[0] = 1000;
	sys_fake_process.gid[0] = sys_fake_process.gid[1] = sys_fake_process.gid[2] = 1001;
	sys_fake_process.groups[0] = 33;
	sys_fake_process.n_groups = 1;
	who = ws_invoker_get();
	assert_true(who.known);
	assert_int_equal(who.uid, 1000);
	assert_int_equal(who.gid, 1001);
	sys_fake_directory.mode = 0777;
	assert_int_equal(ws_privileges_drop(&who, DIRECTORY, said, sizeof(said)), 0);
	assert_ids(1000, 1001);
	assert_caps(0);
	assert_int_equal(sys_fake_process.n_groups, 1);
	assert_int_equal(sys_fake_process.groups[0], 33);
}

static void the_invokers_user_is_taken(void **state)
{
	static const struct sys_fake_directory writable[] = {
		{.uid = 1000, .gid = 5, .mode = 0700},
		{.uid = 5, .gid = 1001, .mode = 0070},
		{.uid = 5, .gid = 44, .mode = 0070}, /* by a supplementary group */
		{.uid = 5, .gid = 5, .mode = 0003},
	};

	for (size_t i = 0; i <= COUNT(writable); i++) {
		bool writes = i < COUNT(writable);
		int groups, gid, uid;
		char said[200];

		reset(state);
		sys_fake_process.groups[0] = 4;
		sys_fake_process.n_groups = 1;
		sys_fake_process.caps.inheritable = CAP(CAP_NET_RAW);
		sys_fake_process.ambient = CAP(CAP_NET_RAW);
		sys_fake_directory = writes ? writable[i] : (struct sys_fake_directory){.mode = 0};
		assert_int_equal(
			ws_privileges_drop(&alice, writes ? DIRECTORY : NULL, said, sizeof(said)),
			0);
		assert_string_equal(said, "running as uid 1000 without capabilities");
		assert_ids(1000, 1001);
		assert_caps(0);
		assert_int_equal(sys_fake_process.bounding, 0);
		assert_false(sys_fake_process.dumpable);
		assert_int_equal(sys_fake_process.n_groups, 3);
		assert_int_equal(sys_fake_process.groups[0], 1001);
		assert_int_equal(sys_fake_process.groups[1], 27);
		assert_int_equal(sys_fake_process.groups[2], 44);
		groups = sys_fake_find(0, SYS_FAKE_SETGROUPS, SYS_FAKE_ANY, SYS_FAKE_ANY);
		gid = sys_fake_find(0, SYS_FAKE_SETRESGID, SYS_FAKE_ANY, SYS_FAKE_ANY);
		uid = sys_fake_find(0, SYS_FAKE_SETRESUID, SYS_FAKE_ANY, SYS_FAKE_ANY);
		assert_true(groups >= 0 && groups < gid && gid < uid);
	}
}

static void uid_0_stays_where_the_invoker_may_not_write(void **state)
{
	char said[200];

	(void)state;
	sys_fake_directory = (struct sys_fake_directory){.uid = 0, .gid = 0, .mode = 0755};
	sys_fake_process.groups[0] = 4;
	sys_fake_process.n_groups = 1;
	assert_int_equal(ws_privileges_drop(&alice, DIRECTORY, said, sizeof(said)), 0);
	assert_string_equal(said,
		"running as uid 0 without capabilities except CAP_CHOWN: uid 1000 "
		"may not write in " DIRECTORY);
	assert_ids(0, 0);
	assert_caps(CAP(CAP_CHOWN));
	assert_int_equal(sys_fake_process.n_groups, 0);
	assert_int_equal(sys_fake_process.bounding, 0);
	/* as it was: others may rely on it, and nobody else has this uid */
	assert_true(sys_fake_process.dumpable);
}

static void plain_root(void **state)
{
	char said[200];

	(void)state;
	assert_int_equal(ws_privileges_drop(&nobody_called, DIRECTORY, said, sizeof(said)), 0);
	assert_string_equal(said, "running as uid 0 without capabilities");
	assert_ids(0, 0);
	assert_caps(0);
}

/* Otherwise the next file could not be made. */
static void root_in_the_directory_of_a_user(void **state)
{
	char said[200];

	sys_fake_directory = (struct sys_fake_directory){.uid = 7, .gid = 7, .mode = 0755};
	assert_int_equal(ws_privileges_drop(&nobody_called, DIRECTORY, said, sizeof(said)), 0);
	assert_string_equal(said, "running as uid 0 without capabilities except CAP_DAC_OVERRIDE");
	assert_caps(CAP(CAP_DAC_OVERRIDE));

	reset(state);
	sys_fake_directory = (struct sys_fake_directory){.uid = 7, .gid = 7, .mode = 0755};
	assert_int_equal(ws_privileges_drop(&alice, DIRECTORY, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "except CAP_CHOWN and CAP_DAC_OVERRIDE: uid 1000 may not"));
	assert_caps(CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE));

	/* In a container that does not have it, it cannot be kept either. */
	reset(state);
	sys_fake_process.caps.permitted &= ~CAP(CAP_DAC_OVERRIDE);
	sys_fake_process.caps.effective &= ~CAP(CAP_DAC_OVERRIDE);
	sys_fake_directory = (struct sys_fake_directory){.uid = 7, .gid = 7, .mode = 0755};
	assert_int_equal(ws_privileges_drop(&nobody_called, DIRECTORY, said, sizeof(said)), 0);
	assert_string_equal(said, "running as uid 0 without capabilities");
	assert_caps(0);
}

/* uid 0 is an ordinary user outside, setgroups is denied, and no other uid is mapped. */
static void user_namespace(void **state)
{
	const struct ws_invoker *const invokers[] = {&nobody_called, &alice};

	for (size_t i = 0; i < COUNT(invokers); i++) {
		char said[200];

		reset(state);
		sys_fake_process.no_setgroups = true;
		sys_fake_process.mapped_uids = 1;
		sys_fake_process.groups[0] = 65534;
		sys_fake_process.n_groups = 1;
		assert_int_equal(ws_privileges_drop(invokers[i], DIRECTORY, said, sizeof(said)), 0);
		assert_ids(0, 0);
		assert_caps(i ? CAP(CAP_CHOWN) : 0);
		assert_int_equal(sys_fake_process.n_groups, 1);
		assert_non_null(strstr(said, "running as uid 0 without capabilities"));
		assert_int_equal(strstr(said, "uid 1000 cannot be taken here") != NULL, i == 1);
	}
}

/* Mapped, so that only the groups are in the way: the invoker must not have root's. */
static void invoker_does_not_get_roots_groups(void **state)
{
	char said[200];

	(void)state;
	sys_fake_process.no_setgroups = true;
	sys_fake_directory.mode = 0777;
	assert_int_equal(ws_privileges_drop(&alice, DIRECTORY, said, sizeof(said)), 0);
	assert_ids(0, 0);
	assert_caps(CAP(CAP_CHOWN));
}

/* A container without CAP_SETUID and CAP_SETGID, and with a group of its own. */
static void root_without_setuid(void **state)
{
	const uint64_t without = ~(CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_SETPCAP));
	char said[200];

	(void)state;
	sys_fake_process.caps.permitted &= without;
	sys_fake_process.caps.effective &= without;
	sys_fake_process.gid[0] = sys_fake_process.gid[1] = sys_fake_process.gid[2] = 9;
	sys_fake_directory.mode = 0777;
	assert_int_equal(ws_privileges_drop(&alice, DIRECTORY, said, sizeof(said)), 0);
	assert_ids(0, 9);
	assert_caps(CAP(CAP_CHOWN));
	assert_non_null(strstr(said, "cannot be taken here"));
}

static void ordinary_user_with_capabilities(void **state)
{
	char said[200];

	(void)state;
	sys_fake_process = (struct sys_fake_process){
		.uid = {1000, 1000, 1000},
		.gid = {1001, 1001, 1001},
		.groups = {1001, 27},
		.n_groups = 2,
		.mapped_uids = UINT32_MAX,
		.caps = {.effective = CAP(CAP_NET_RAW),
			.permitted = CAP(CAP_NET_RAW) | CAP(CAP_NET_ADMIN),
			.inheritable = CAP(CAP_NET_RAW)},
		.bounding = SYS_FAKE_ALL_CAPS,
		.ambient = CAP(CAP_NET_RAW),
	};
	assert_int_equal(ws_privileges_drop(&nobody_called, DIRECTORY, said, sizeof(said)), 0);
	assert_string_equal(said, "running as uid 1000 without capabilities");
	assert_ids(1000, 1001);
	assert_caps(0);
	assert_int_equal(sys_fake_process.n_groups, 2);
	assert_int_equal(sys_fake_find(0, SYS_FAKE_SETGROUPS, SYS_FAKE_ANY, SYS_FAKE_ANY), -1);
}

/* An ordinary effective user behind which root waits. */
static void saved_root_is_given_up(void **state)
{
	char said[200];

	(void)state;
	sys_fake_process.uid[1] = 1000;
	sys_fake_process.gid[1] = 1001;
	assert_int_equal(ws_privileges_drop(&nobody_called, NULL, said, sizeof(said)), 0);
	assert_ids(1000, 1001);
	assert_caps(0);
}

static void threads_are_too_late(void **state)
{
	static const struct {
		const char *status;
		int ret;
	} rows[] = {
		{"Name:\tx\nThreads:\t1\nSigQ:\t0/1\n", 0},
		{"Name:\tx\nThreads:\t2\nSigQ:\t0/1\n", -EBUSY},
		{"Name:\tx\n", 0},
		{"", 0},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct sys_fake_answer text = {
			.fn = SYS_FAKE_READ,
			.level = SYS_FAKE_ANY,
			.name = SYS_FAKE_ANY,
			.ret = (ssize_t)strlen(rows[i].status),
			.data = rows[i].status,
			.data_len = strlen(rows[i].status),
		};
		char said[200];

		reset(state);
		answer(SYS_FAKE_OPEN, SYS_FAKE_ANY, 0, STATUS_FILE);
		sys_fake_answer(&text);
		assert_int_equal(
			ws_privileges_drop(&nobody_called, NULL, said, sizeof(said)), rows[i].ret);
		if (rows[i].ret) {
			assert_non_null(strstr(said, "threads"));
			assert_int_equal(sys_fake_process.caps.permitted, SYS_FAKE_ALL_CAPS);
		} else {
			assert_caps(0);
		}
	}
}

/* Nothing that is denied goes unnoticed, and the step is named. */
static void a_failing_step_is_told(void **state)
{
	static const struct {
		enum sys_fake_fn fn;
		int name;
		unsigned skip; /* calls that are carried out: those of the trial among them */
		ssize_t ret;
		const char *says;
	} rows[] = {
		{SYS_FAKE_CAPGET, SYS_FAKE_ANY, 0, -EIO, "capabilities cannot be read"},
		{SYS_FAKE_SETGROUPS, SYS_FAKE_ANY, 1, -ENOMEM, "supplementary groups"},
		{SYS_FAKE_SETRESGID, SYS_FAKE_ANY, 1, -EAGAIN, "the group"},
		{SYS_FAKE_SETRESUID, SYS_FAKE_ANY, 1, -EAGAIN, "the user"},
		{SYS_FAKE_CAPSET, SYS_FAKE_ANY, 1, -EPERM, "capabilities"},
		{SYS_FAKE_PRCTL, PR_SET_NO_NEW_PRIVS, 1, -EINVAL, "no_new_privs"},
		/* a system that lets uid 0, the group or capabilities be taken back */
		{SYS_FAKE_SETRESUID, SYS_FAKE_ANY, 2, 0, "the user for good"},
		{SYS_FAKE_SETRESGID, SYS_FAKE_ANY, 2, 0, "the group for good"},
		{SYS_FAKE_CAPSET, SYS_FAKE_ANY, 2, 0, "capabilities for good"},
		/* and one that says yes and does nothing */
		{SYS_FAKE_SETRESUID, SYS_FAKE_ANY, 1, 0, "for good"},
		{SYS_FAKE_SETRESGID, SYS_FAKE_ANY, 1, 0, "for good"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char said[200];

		reset(state);
		sys_fake_directory.mode = 0777;
		answer(rows[i].fn, rows[i].name, rows[i].skip, rows[i].ret);
		assert_true(ws_privileges_drop(&alice, DIRECTORY, said, sizeof(said)) < 0);
		assert_non_null(strstr(said, rows[i].says));
	}
}

static void no_child_can_be_made(void **state)
{
	char said[200];

	(void)state;
	sys_fake_directory.mode = 0777;
	answer(SYS_FAKE_SPAWN, SYS_FAKE_ANY, 0, -EAGAIN);
	answer(SYS_FAKE_SPAWN, SYS_FAKE_ANY, 0, -EAGAIN);
	assert_int_equal(ws_privileges_drop(&alice, DIRECTORY, said, sizeof(said)), 0);
	assert_ids(0, 0);
	assert_caps(CAP(CAP_CHOWN));
	assert_int_equal(ws_privileges_drop(&alice, DIRECTORY, NULL, 0), 0);
}

static void interrupted_wait(void **state)
{
	char said[200];

	(void)state;
	sys_fake_directory.mode = 0777;
	answer(SYS_FAKE_WAITPID, SYS_FAKE_ANY, 0, -EINTR);
	assert_int_equal(ws_privileges_drop(&alice, DIRECTORY, said, sizeof(said)), 0);
	assert_ids(1000, 1001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(invoker_from_the_environment, reset),
		cmocka_unit_test_setup(invoker_of_a_set_user_id_program, reset),
		cmocka_unit_test_setup(the_invokers_user_is_taken, reset),
		cmocka_unit_test_setup(uid_0_stays_where_the_invoker_may_not_write, reset),
		cmocka_unit_test_setup(plain_root, reset),
		cmocka_unit_test_setup(root_in_the_directory_of_a_user, reset),
		cmocka_unit_test_setup(user_namespace, reset),
		cmocka_unit_test_setup(invoker_does_not_get_roots_groups, reset),
		cmocka_unit_test_setup(root_without_setuid, reset),
		cmocka_unit_test_setup(ordinary_user_with_capabilities, reset),
		cmocka_unit_test_setup(saved_root_is_given_up, reset),
		cmocka_unit_test_setup(threads_are_too_late, reset),
		cmocka_unit_test_setup(a_failing_step_is_told, reset),
		cmocka_unit_test_setup(no_child_can_be_made, reset),
		cmocka_unit_test_setup(interrupted_wait, reset),
	};

	return cmocka_run_group_tests_name("privileges", tests, NULL, NULL);
}
