// rusttarget TIMES: functions with the names of Rust.
mod shop {
    #[inline(never)]
    pub fn price(n: i32) -> i32 {
        n + 1
    }
}

fn main() {
    let times: i32 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1);
    let sum: i32 = (0..times).map(|_| shop::price(7)).sum();
    std::process::exit((sum < 0) as i32);
}
