// cxxtarget TIMES: functions with the names of C++, and an exception in each round.
#include <cstdlib>

namespace shop {
int price(int n) { return n + 1; }
long price(long n) { return n + 2; }
struct Empty {};
struct Cart {
  int add(int n) { return n + total++; }
  template <typename T>
  T scaled(T n) {
    return n * 2;
  }
  int total = 0;
};
}  // namespace shop

int main(int argc, char** argv) {
  const int times = argc > 1 ? std::atoi(argv[1]) : 1;
  shop::Cart cart;
  long sum = 0;
  for (int i = 0; i < times; ++i) sum += shop::price(7) + shop::price(70L) + cart.add(3) + cart.scaled(5);
  for (int i = 0; i < times; ++i) {
    try {
      throw shop::Empty();
    } catch (const shop::Empty&) {
      ++sum;
    }
  }
  return sum < 0;
}
