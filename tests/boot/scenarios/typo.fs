# SPDX-License-Identifier: MIT
# Line 7 has a typo: nothing of this may be run.
echo started
create hello name=one mem=8M
wait one gone
fill 10
craete hello name=two mem=8M
drain all
