/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel interfaces that are newer than the headers of the oldest system we build on. */
#pragma once

/* A control message on send that gives the packet's time stamp its key: Linux 6.13. */
#define WS_SCM_TS_OPT_ID 81
