# SPDX-License-Identifier: MIT
#! HOSTMEM=256M HVARGS=debug
# A domain that has been ballooned out keeps its size and its target through an
# image and a relocation, and can grow again afterwards; so it does the vCPUs it
# was asked to have.
create keep name=web mem=32M vcpus=4 -- name=web
until web.superpage_maps >= 10
balloon web 16M
until web.tot_pages <= 4096 60
expect web.vcpus_target = 4
vcpus web 3
fails "1 to 4 can be online, not 5" vcpus web 5
fails "1 to 4 can be online, not 0" vcpus web 0
note up web.vcpus_up
ask suspend web
wait web suspended
save web one
destroy web
restore one
expect web.target = 4096
expect web.vcpus_target = 3
expect web.vcpus_up = $up
vcpus web 4
until web.hypercalls >= 20
ask suspend web
wait web suspended
relocate web
resume web
expect web.vcpus_target = 4
balloon web 32M
until web.tot_pages >= 8192 60
ask poweroff web
wait web gone
drop one
audit
