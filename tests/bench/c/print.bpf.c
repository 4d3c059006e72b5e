// tracepoint:syscalls:sys_enter_getppid { printf("%d %s %d\n", pid, comm, cpu); }
#include "common.h"

struct event {
  __u32 pid;
  char comm[16];
  __u32 cpu;
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4 << 20);
} events SEC(".maps");

SEC("tp/syscalls/sys_enter_getppid")
int print(void* context) {
  (void)context;
  struct event* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) return 0;
  event->pid = bpf_get_current_pid_tgid() >> 32;
  bpf_get_current_comm(event->comm, sizeof(event->comm));
  event->cpu = bpf_get_smp_processor_id();
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  return 0;
}
