// A library that a program loads while it runs, see unwind.c.
void late_call(long (*function)(void));
void late_call(long (*function)(void)) {
  volatile long result = function();
  (void)result;
}
