// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ws_pair_params.h"

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>

struct ws_pair_param {
	const char *const *names; /* NULL: a number */
	s64 least;
	s64 most;
	s64 value[2];
};

static const char *const ws_pair_rx_filters[] = {
	[RX_FILTER_ALL] = "all",
	[RX_FILTER_PTP] = "ptp",
	[RX_FILTER_NONE] = "none",
};

static const char *const ws_pair_rx_deliveries[] = {
	[RX_DELIVER_CLAIMED] = "claimed",
	[RX_DELIVER_NONE] = "none",
	[RX_DELIVER_SYNC] = "sync",
};

static struct ws_pair_param params[] = {
#define NAMED(name, initial, list, text)      \
	[P_##name] = {                        \
		.names = list,                \
		.most = ARRAY_SIZE(list) - 1, \
		.value = {initial, initial},  \
	},
#define NUMBER(name, initial, lowest, highest, text) \
	[P_##name] = {                               \
		.least = lowest,                     \
		.most = highest,                     \
		.value = {initial, initial},         \
	},
	WS_PAIR_PARAMS(NAMED, NUMBER)
#undef NAMED
#undef NUMBER
};

static DEFINE_MUTEX(params_mutex);
static bool params_live;

s64 ws_pair_get(enum ws_pair_id id, unsigned int port)
{
	return READ_ONCE(params[id].value[port]);
}

void ws_pair_params_live(bool live)
{
	mutex_lock(&params_mutex);
	params_live = live;
	mutex_unlock(&params_mutex);
}

static int parse(const struct ws_pair_param *param, const char *text, s64 *ret_value)
{
	s64 value;
	int result;

	if (param->names) {
		result = match_string(param->names, param->most + 1, text);
		value = result;
	} else {
		result = kstrtoll(text, 0, &value);
	}
	if (result < 0)
		return result;
	if (value < param->least || value > param->most)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

static int params_set(const char *text, const struct kernel_param *kp)
{
	struct ws_pair_param *param = kp->arg;
	char buffer[64];
	char *rest, *first;
	s64 value[2];
	int result;

	if (strscpy(buffer, text, sizeof(buffer)) < 0)
		return -EINVAL;
	rest = strim(buffer);
	first = strsep(&rest, ",");
	result = parse(param, first, &value[0]);
	if (result)
		return result;
	value[1] = value[0];
	if (rest) {
		result = parse(param, rest, &value[1]);
		if (result)
			return result;
	}
	mutex_lock(&params_mutex);
	WRITE_ONCE(param->value[0], value[0]);
	WRITE_ONCE(param->value[1], value[1]);
	if (params_live)
		ws_pair_applied(param - params);
	mutex_unlock(&params_mutex);
	return 0;
}

static int params_get(char *buffer, const struct kernel_param *kp)
{
	const struct ws_pair_param *param = kp->arg;
	s64 first = READ_ONCE(param->value[0]), second = READ_ONCE(param->value[1]);

	if (param->names)
		return sysfs_emit(buffer, "%s,%s\n", param->names[first], param->names[second]);
	return sysfs_emit(buffer, "%lld,%lld\n", first, second);
}

static const struct kernel_param_ops params_ops = {
	.set = params_set,
	.get = params_get,
};

#define NAMED(name, value, names, text)                              \
	module_param_cb(name, &params_ops, &params[P_##name], 0644); \
	MODULE_PARM_DESC(name, text);
#define NUMBER(name, value, least, most, text) NAMED(name, value, NULL, text)
WS_PAIR_PARAMS(NAMED, NUMBER)
