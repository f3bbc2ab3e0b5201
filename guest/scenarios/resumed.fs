# SPDX-License-Identifier: MIT
#! ICOUNT=1 HOSTMEM=256M
# A domain that sleeps for half a minute between two looks is asked for something at
# the very moment at which it goes on: as it was, relocated, restored; and before.
# The first time it has seen all its events before it was suspended.
create keep name=web mem=64M -- name=web work=1000000
until web.superpage_maps >= 31
ask suspend web
wait web suspended 60
resume web
balloon web 16M
wait web 16M 20

ask suspend web
wait web suspended 60
balloon web 20M
resume web
wait web 20M 20

ask suspend web
wait web suspended 60
relocate web
resume web
balloon web 16M
wait web 16M 20

ask suspend web
wait web suspended 60
save web saved
destroy web
restore saved as web
balloon web 20M
wait web 20M 20
ask suspend web
wait web suspended 20
resume web
ask poweroff web
wait web gone 20
drop saved
