# SPDX-License-Identifier: MIT
# See deep.fs.
record deep a=$A b=$B c=$C blocks=machine.blocks_free mem=64M
fails "no domain named 'nobody'" destroy nobody
try create hello name=one mem=8M
wait one gone
fails "it needs 5000 whole blocks" create hello name=one mem=9999M
try stat
policy overcommit=on
fails "204 blocks wanted" create hello name=one mem=400M
policy overcommit=off
