# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# Creation where no whole block is free: require is refused, prefer falls back
# and says so, off never wanted any.
note before machine.blocks_free
fill 0
frag 40
fails "it needs 4 whole blocks" create keep name=strict mem=8M superpages=require
expect machine.domains = 1
create keep name=prefer mem=8M superpages=prefer -- name=prefer
expect prefer.born_whole = 0
create keep name=off mem=8M superpages=off -- name=off data=small
expect off.born_whole = 0
# A size is rounded up to whole blocks.
create keep name=odd mem=5M superpages=off -- name=odd data=small
expect odd.max_pages = 1536
# Impossible ones.
fails "it needs 2048 whole blocks" create keep name=much mem=4G
fails "its memory is too small" create keep name=less mem=2M
fails "there is a domain odd already" create keep name=odd mem=8M
fails "no kernel 'nothing'" create nothing name=nothing mem=8M
ask poweroff prefer
wait prefer gone
ask poweroff off
wait off gone
ask poweroff odd
wait odd gone
drain all
expect machine.blocks_free = $before
create keep name=strict mem=8M superpages=require -- name=strict
expect strict.born_whole = 4
ask poweroff strict
wait strict gone
audit
