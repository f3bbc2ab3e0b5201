# SPDX-License-Identifier: MIT
#! HOSTMEM=256M
# From a processor without XSAVE: here it has it, and the guest does not know.
# What it has in registers also goes into an image, and comes back, from here.
receive travel 300
check travel
restore travel
drop travel
until web.restores >= 1
ask suspend web
wait web suspended
save web again
destroy web
restore again
until web.restores >= 2
drop again
ask poweroff web
wait web gone
