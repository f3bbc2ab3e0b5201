# SPDX-License-Identifier: MIT
echo started
create hello name=one mem=8M
wait one gone
wait oen gone
