/* sdt TIMES: fires static probe points with arguments of every kind, TIMES times. */
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__extension__ unsigned short awltest_plain_semaphore __attribute__((unused, section(".probes")));
__extension__ unsigned short awltest_sizes_semaphore __attribute__((unused, section(".probes")));
__extension__ unsigned short awltest_twice_semaphore __attribute__((unused, section(".probes")));
__extension__ unsigned short awltest_text_semaphore __attribute__((unused, section(".probes")));
__extension__ unsigned short awltest_guarded_semaphore __attribute__((unused, section(".probes")));
__extension__ unsigned short awltest_sib_semaphore __attribute__((unused, section(".probes")));
__extension__ unsigned short awltest_vector_semaphore __attribute__((unused, section(".probes")));
__extension__ unsigned short other_plain_semaphore __attribute__((unused, section(".probes")));

unsigned times_run = 7;

static long table[4] = {100, 200, -300, 400};
static volatile int global = -77;

static void sizes(signed char a, unsigned char b, short c, unsigned short d, int e, unsigned f, long g, unsigned long h) {
  STAP_PROBE8(awltest, sizes, a, b, c, d, e, f, g, h);
}

/* Memory by base, index and scale; by the instruction pointer; registers, also parts of them; constants. */
static void sib(void) {
  long index = 2;
  __asm__ volatile(STAP_PROBE_ASM(awltest, sib, -8@(%%rax,%%rcx,8) -8@-16(%%rax,%%rcx,8) 8@%%rcx 4@%%ecx -1@%%dh -4@%[global] 8@$4096 -4@$-5)
                   :
                   : "a"(table), "c"(index), "d"(0x8000 - 0x100), [global] "m"(global));
}

static void vector(double value) {
  int number = 6;
  __asm__ volatile(STAP_PROBE_ASM(awltest, vector, 8f@%%xmm0 -4@%%ecx) : : "x"(value), "c"(number));
}

int main(int argc, char** argv) {
  long times = argc > 1 ? atol(argv[1]) : 1;
  char text[] = "some text";
  long guarded = 0;
  for (long i = 0; i < times; ++i) {
    STAP_PROBE2(awltest, plain, i, -i);
    STAP_PROBE1(other, plain, 1);
    sizes(-1, 255, -2, 65535, -3, 4294967295u, -4, 18446744073709551615ul);
    STAP_PROBE1(awltest, twice, 1);
    STAP_PROBE2(awltest, twice, 2, 20);
    STAP_PROBE1(awltest, text, &text[0]);
    sib();
    vector(0.5);
    if (__builtin_expect(awltest_guarded_semaphore, 0)) {
      ++guarded;
      STAP_PROBE1(awltest, guarded, guarded);
    }
    if (argc > 2) usleep((unsigned)atol(argv[2]));
  }
  printf("guarded %ld\n", guarded);
  return 0;
}
