// The C++ half of sample.c.
#define KEEP __attribute__((noinline, noclone, used))

namespace shapes {

enum class kind : unsigned char { round = 1, square = 2 };

struct base {
  int id;
  int shared;
  static int count;
};
int base::count = 0;

struct named {
  const char *name;
  virtual ~named() {}
};

struct shape : base, named {
  long shared;
  kind what;
  shape *next;
  KEEP long area(int scale, const base &other);
};

struct owner {
  long value;
  explicit owner(long v) : value(v) {}
  ~owner() { value = 0; }
};

struct copied {
  long value;
  copied(long v) : value(v) {}
  copied(const copied &other) : value(other.value) {}
};

struct plain {
  long value;
  plain(long v) : value(v) {}
  plain(const plain &) = default;
  long twice() const { return value * 2; }
};

struct holder {
  copied inside;
};

struct empty {};
struct opaque;

template <typename T>
struct box {
  T content;
};

}  // namespace shapes

volatile long sink;

long shapes::shape::area(int scale, const base &other) { return sink = scale + other.id + id; }

KEEP void take_owner(shapes::owner o, int after) { sink = o.value + after; }
KEEP shapes::owner make_owner(int v) {
  sink = v;
  return shapes::owner(v);
}
KEEP void take_copied(shapes::copied c, shapes::plain p, shapes::holder h, int after) { sink = c.value + p.value + h.inside.value + after; }
KEEP void take_empty(shapes::empty, int after) { sink = after; }
KEEP void take_box(const shapes::box<int> &b, shapes::box<long> &&r, decltype(nullptr)) { sink = b.content + r.content; }
KEEP void take_opaque(shapes::opaque *o, int shapes::base::*m, shapes::kind k) { sink = (o != nullptr) + (m != nullptr) + long(k); }

int main() {
  shapes::shape s{};
  s.id = 3;
  shapes::base other{4, 0};
  s.area(2, other);
  take_owner(shapes::owner(61), 62);
  make_owner(63);
  take_copied(shapes::copied(71), shapes::plain(72), shapes::holder{shapes::copied(73)}, 74);
  take_empty({}, 64);
  take_box({65}, {66}, nullptr);
  take_opaque(nullptr, &shapes::base::shared, shapes::kind::square);
  return 0;
}
