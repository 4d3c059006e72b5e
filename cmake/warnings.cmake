# Warnings are errors in awl's own code; generated code and system headers are left alone.
add_library(awl_warnings INTERFACE)
target_compile_options(awl_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wimplicit-fallthrough -Werror
  # C++20 designated initialisers leave out members on purpose: their defaults are the contract.
  -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside its own standard library when it inlines.
  target_compile_options(awl_warnings INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-dangling-pointer -Wno-stringop-overflow -Wno-array-bounds)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libbpf's LIBBPF_OPTS is a statement expression; libstdc++ 12 uses what it calls deprecated.
  target_compile_options(awl_warnings INTERFACE -Wno-c99-extensions -Wno-gnu-statement-expression -Wno-deprecated-declarations)
endif()
if(AWL_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(AWL_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
