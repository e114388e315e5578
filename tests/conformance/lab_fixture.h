/* SPDX-License-Identifier: BSD-2-Clause */
/* What fixtures over the lab's veth pair share: their interfaces, which go down, and away. */
#pragma once

#include "conformance/conformance.h"
#include "host/lab.h"

/* Of a fixture: arg is its struct ws_lab. */
int conf_lab_ifindex(struct conf_fixture *fx, unsigned side);
int64_t conf_lab_now(struct conf_fixture *fx);
int conf_lab_link(struct conf_fixture *fx, unsigned side, bool up);
int conf_lab_remove(struct conf_fixture *fx);
int conf_lab_restore(struct conf_fixture *fx);

/* Tells of n cases that they are skipped, there being no lab. 0. */
int conf_skip_all(const struct CMUnitTest *cases, size_t n, const char *why);
