# SPDX-License-Identifier: MIT
# Several of our guests side by side.
create hello name=hello mem=16M -- good morning
create fork name=fork mem=32M
create large name=large mem=64M
create super name=super mem=64M superpages=prefer
create balloon name=balloon mem=64M maxmem=128M
wait hello gone 120
wait fork gone 120
wait large gone 120
wait super gone 120
wait balloon gone 120
