#pragma once
#include <cstdio>
#include <string>
#include <utility>

#include "runtime/session.h"

namespace awl {

// The script's own output: collected, written out at the end of each round of events (or when much has come together).
class Output {
 public:
  Output(std::FILE* file, Buffering buffering) : file_(file), buffering_(buffering) {}

  std::string& text() { return text_; }
  // What comes from now on is kept back, until taken; what is pending goes out first.
  void hold() {
    write_through();
    held_ = true;
  }
  std::string take_held() {
    held_ = false;
    return std::exchange(text_, {});
  }
  // After a record was rendered.
  void settle() {
    if (!held_ && text_.size() > limit) write();
  }
  // At the end of a round: everything is visible, except with full buffering.
  void flush() {
    if (buffering_ == Buffering::full || (text_.empty() && !pending_)) return;
    write_through();
  }
  void write_through() {
    if (held_) return;
    write();
    std::fflush(file_);
    pending_ = false;
  }
  // False once writing failed (a closed pipe, a full disk).
  bool good() const { return good_; }

 private:
  static constexpr size_t limit = 64 << 10;
  void write() {
    if (!text_.empty() && std::fwrite(text_.data(), 1, text_.size(), file_) != text_.size()) good_ = false;
    pending_ = pending_ || !text_.empty();
    text_.clear();
  }

  std::FILE* file_;
  Buffering buffering_;
  std::string text_;
  bool pending_ = false, good_ = true, held_ = false;
};

}  // namespace awl
