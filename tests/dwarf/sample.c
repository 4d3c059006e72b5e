// Functions of every kind of parameter, each called once with the values that tests/unit/probes/dwarf_test.cpp expects.
#include <stdbool.h>

#define KEEP __attribute__((noinline, noclone, used))

enum colour { red, green = 5, blue = -1 };
typedef unsigned long word;
struct point {
  int x, y;
};
struct pair {
  long first, second;
};
struct mixed {
  long number;
  double real;
};
struct big {
  char text[40];
};
struct __attribute__((packed)) tight {
  char c;
  int i;
};
struct task {
  char name[16];
  unsigned state : 3;
  signed level : 5;
  union {
    word whole;
    struct {
      unsigned low, high;
    };
  };
  short grid[2][3];
  struct point at;
  struct task *next;
  int (*call)(int);
  const char *const *words;
  enum colour colour;
  float real;
  bool flag;
  int tail[];
};

volatile long sink;

KEEP void integers(char a, short b, unsigned c, long d, const char *e, enum colour f, long seventh, bool eighth) {
  sink += a + b + (int)c + d + (e != 0) + f + seventh + eighth;
}
KEEP void floats(double a, int b, float c, int d) { sink += (long)a + b + (long)c + d; }
KEEP void structures(struct point p, struct pair q, struct mixed m, int last) { sink += p.x + p.y + q.first + q.second + m.number + (long)m.real + last; }
KEEP void in_memory(struct big b, int i, struct tight t, long double l, int j) { sink += b.text[0] + i + t.i + (long)l + j; }
KEEP struct big returned(int a, int b) {
  struct big out = {{(char)a, (char)b}};
  sink += a;
  return out;
}
KEEP word task_state(struct task *task, const word *count) { return task->whole + *count; }
KEEP void wide(int a, __int128 b, int c, int d, int e, __int128 f, int g) { sink += a + (long)b + c + d + e + (long)f + g; }
static KEEP int hidden(int value, int unused) {
  (void)unused;
  sink += value;
  return value * 2;
}
KEEP int lines(int n) {
  int total = 0;                  // LINE first
  for (int i = 0; i < n; i++) {
    sink += i;                    // LINE inside
    total += i;
  }
  return total;
}

int main(void) {
  static struct task task = {.name = "sample", .state = 5, .level = -3, .whole = 7, .grid = {{1, 2, 3}, {4, 5, 6}}, .at = {8, 9}, .colour = green, .real = 1.5f, .flag = true};
  word count = 35;
  integers('a', -2, 3, -4, "five", blue, 7, true);
  floats(1.5, 2, 2.5f, 4);
  structures((struct point){11, 12}, (struct pair){13, 14}, (struct mixed){15, 1.5}, 16);
  in_memory((struct big){"big"}, 21, (struct tight){'t', 22}, 23.0L, 24);
  sink += returned(31, 32).text[0];
  sink += (long)task_state(&task, &count);
  wide(41, 42, 43, 44, 45, 46, 47);
  sink += hidden(51, 52);
  sink += lines(100);
  return 0;
}
