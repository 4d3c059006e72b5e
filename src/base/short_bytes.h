#pragma once
// A sequence of bytes that needs no memory of its own while it is short: for millions of small keys and values. Passes as std::span<const uint8_t>.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

namespace awl {

class ShortBytes {
 public:
  static constexpr size_t room = 24;  // longer ones stand on the heap

  ShortBytes() = default;
  ShortBytes(std::span<const uint8_t> bytes) { assign(bytes); }
  ShortBytes(const std::vector<uint8_t>& bytes) { assign(bytes); }
  ShortBytes(std::initializer_list<uint8_t> bytes) { assign({bytes.begin(), bytes.size()}); }
  ShortBytes(const ShortBytes& other) { assign(other); }
  ShortBytes(ShortBytes&& other) noexcept { take(other); }
  ShortBytes& operator=(const ShortBytes& other) {
    if (this != &other) assign(other);
    return *this;
  }
  ShortBytes& operator=(ShortBytes&& other) noexcept {
    if (this != &other) {
      release();
      take(other);
    }
    return *this;
  }
  ~ShortBytes() { release(); }

  // `bytes` is not a part of this.
  void assign(std::span<const uint8_t> bytes) {
    release();
    size_ = bytes.size();
    if (size_ > room) here_.heap = new uint8_t[size_];
    if (size_) memcpy(size_ > room ? here_.heap : here_.bytes, bytes.data(), size_);
  }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const uint8_t* data() const { return size_ > room ? here_.heap : here_.bytes; }
  const uint8_t* begin() const { return data(); }
  const uint8_t* end() const { return data() + size_; }
  bool operator==(const ShortBytes& other) const { return size_ == other.size_ && (size_ == 0 || memcmp(data(), other.data(), size_) == 0); }

 private:
  void release() {
    if (size_ > room) delete[] here_.heap;
    size_ = 0;
  }
  void take(ShortBytes& other) {
    here_ = other.here_;
    size_ = std::exchange(other.size_, 0);
  }

  union {
    uint8_t bytes[room];
    uint8_t* heap;
  } here_ = {};
  size_t size_ = 0;
};

}  // namespace awl
