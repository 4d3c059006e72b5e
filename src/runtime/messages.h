#pragma once
#include <fmt/format.h>

#include <cstdio>
#include <string_view>

namespace awl {

// What a run says besides the script's own output: warnings and errors, on standard error as a rule.
class Messages {
 public:
  Messages(std::FILE* file, bool color, bool warnings) : file_(file), color_(color), warnings_(warnings) {}

  void plain(std::string_view text) { write("", "", text); }
  void error(std::string_view text) { write("\033[31m", "ERROR: ", text); }
  void warning(std::string_view text) {
    if (warnings_) write("\033[33m", "WARNING: ", text);
  }
  bool warnings() const { return warnings_; }
  bool color() const { return color_; }

 private:
  void write(std::string_view color, std::string_view word, std::string_view text) {
    bool paint = color_ && !color.empty();
    fmt::print(file_, "{}{}{}{}\n", paint ? color : "", word, text, paint ? "\033[0m" : "");
    std::fflush(file_);
  }

  std::FILE* file_;
  bool color_, warnings_;
};

}  // namespace awl
