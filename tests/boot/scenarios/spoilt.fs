# SPDX-License-Identifier: MIT
# A keeper whose memory is wrong: the run must not end well.
#! HOSTMEM=256M
create keep name=bad mem=8M -- name=bad work=50 rounds=9 spoil=2
wait bad gone
