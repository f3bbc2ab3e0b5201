# SPDX-License-Identifier: MIT
#! HOSTMEM=256M
# The other half: what comes from another machine is checked, restored, and looks at
# all of its memory when it runs again.
receive travel 90
check travel
images
restore travel
expect last.large_after = last.large_before
until web.restores >= 1
ask poweroff web
wait web gone
drop travel
