# SPDX-License-Identifier: MIT
echo started
create hello name=one mem=12Q
