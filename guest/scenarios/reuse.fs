# SPDX-License-Identifier: MIT
#! HOSTMEM=256M ICOUNT=1 HVARGS=reuse=off
# A domain that gives back two blocks and takes them again, three times, has them as
# it left them, or zeroed: as the hypervisor's command line says, or whoever is asked.
expect machine.reuse = 0
create keep name=churn mem=8M -- name=off cycle=4 rounds=3 work=1 heal=no
wait churn gone 60
expect machine.unscrubbed = 0
note off machine.scrubs_waited
policy reuse=on
expect machine.reuse = 1
create keep name=churn mem=8M -- name=on cycle=4 rounds=3 work=1 heal=no
wait churn gone 60
expect machine.unscrubbed = 6
note reused machine.unscrubbed
policy reuse=off
policy
create keep name=churn mem=8M -- name=off cycle=4 rounds=3 work=1 heal=no
wait churn gone 60
expect machine.unscrubbed = $reused
