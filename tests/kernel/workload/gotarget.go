// gotarget TIMES: functions that the Go compiler made. Its stack grows while probed functions are active.
package main

import (
	"fmt"
	"os"
	"strconv"
)

//go:noinline
func add(a, b int) int { return a + b }

//go:noinline
func choose(n int, text string) int {
	if n%2 == 0 {
		return len(text)
	}
	return -n
}

//go:noinline
func deep(n int) int {
	var room [256]byte
	room[n%256] = 1
	if n == 0 {
		return int(room[0])
	}
	return deep(n-1) + int(room[n%256])
}

func main() {
	times, _ := strconv.Atoi(os.Args[1])
	sum := 0
	for i := 0; i < times; i++ {
		sum += add(3, 4) + choose(i, "some text")
		done := make(chan int)
		go func() { done <- deep(1000) }()
		sum += <-done
	}
	fmt.Println("sum", sum)
}
