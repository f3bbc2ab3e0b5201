# SPDX-License-Identifier: MIT
#! HOSTMEM=256M
# One half of a migration: a keeper is saved and sent to another machine.
create keep name=web mem=8M superpages=require -- name=web sparse=32
until web.superpage_maps >= 1
ask suspend web
wait web suspended
save web travel
send travel
destroy web
drop travel
