/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings of a network card that change what is measured, by ethtool's ioctl in the calling thread's network
 * namespace. Whoever repeats a run has to have the same.
 */
#pragma once

#include "core/nic_settings.h"

/* What is not known is so marked in *ret, which is always written: it is no error. */
void ws_nic_settings_get(const char *ifname, struct ws_nic_settings *ret);
