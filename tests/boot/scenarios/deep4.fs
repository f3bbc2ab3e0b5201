# SPDX-License-Identifier: MIT
# See deep.fs.
record deep a=$A b=$B c=$C blocks=machine.blocks_free mem=64M
fails destroy nobody
try create hello name=one mem=8M
wait one gone
fails create hello name=one mem=9999M
try stat
policy overcommit=on
fails create hello name=one mem=400M
policy overcommit=off
