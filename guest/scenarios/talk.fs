# SPDX-License-Identifier: MIT
#! HOSTMEM=256M
# What is typed at a guest's console comes to it, and to no other.
create parrot name=polly mem=8M
create parrot name=other mem=8M
sleep 1
console polly good morning
console other who is there?
sleep 1
pause polly
fails "polly is paused" console polly hello
unpause polly
fails "whose console this is" console control x
console polly bye
wait polly gone
fails "no domain named 'polly'" console polly hello
console other bye
wait other gone
log 3
