// load OBJECT [--once]   loads and attaches a BPF object with libbpf as an expert's own tool would, prints its events and ends at
// SIGINT. --once: ends as soon as everything is attached and a raw_tp program, if there is one, has been run.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t ended;
static void end(int number) { ended = number; }

struct event {
  unsigned pid;
  char comm[16];
  unsigned cpu;
};

static int show(void* context, void* data, size_t size) {
  (void)context, (void)size;
  struct event* event = data;
  printf("%d %s %d\n", event->pid, event->comm, event->cpu);
  return 0;
}

static int quiet(enum libbpf_print_level level, const char* format, va_list arguments) {
  return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  int once = argc > 2 && !strcmp(argv[2], "--once");
  libbpf_set_print(quiet);
  signal(SIGINT, end);
  struct bpf_object* object = bpf_object__open_file(argv[1], NULL);
  if (!object || bpf_object__load(object)) return 1;
  struct bpf_program* program;
  int probes = 0;
  bpf_object__for_each_program(program, object) {
    probes++;
    if (bpf_program__type(program) == BPF_PROG_TYPE_RAW_TRACEPOINT) {
      LIBBPF_OPTS(bpf_test_run_opts, options);
      if (bpf_prog_test_run_opts(bpf_program__fd(program), &options)) return 1;
    } else if (!bpf_program__attach(program)) {
      return 1;
    }
  }
  fprintf(stderr, "Attached %d probes\n", probes);
  if (once) return 0;
  struct bpf_map* events = bpf_object__find_map_by_name(object, "events");
  struct ring_buffer* ring = events ? ring_buffer__new(bpf_map__fd(events), show, NULL, NULL) : NULL;
  struct timespec pause = {0, 5000000};
  while (!ended) {
    if (ring) ring_buffer__consume(ring);
    nanosleep(&pause, NULL);
  }
  if (ring) ring_buffer__consume(ring);
  return 0;
}
