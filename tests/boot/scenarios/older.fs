# SPDX-License-Identifier: MIT
#! HOSTMEM=256M
# On a processor without AVX: what cannot be shown is refused, and a keeper with
# all there is goes to a newer one.
fails "this processor lacks" create keep name=web mem=8M cpu=x86-64-v3 -- name=web
fails "cpu=i486" create keep name=web mem=8M cpu=i486 -- name=web
create keep name=web mem=8M superpages=require cpu=x86-64-v2 -- name=web sparse=32
until web.superpage_maps >= 1
ask suspend web
wait web suspended
save web travel
send travel
destroy web
drop travel
