//! The simulator as a command.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "tells how far it is")]

use std::time::Instant;

use tests::simulation::{Plan, Setup, Size, run};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1)?.parse::<u64>().ok()
    };
    let from = number("--from").unwrap_or(1);
    for seed in from..from + number("--seeds").unwrap_or(5) {
        let began = Instant::now();
        let plan = if number("--calm").is_some() { Plan::Calm } else { Plan::Swarm };
        let size = if number("--single").is_some() { Size::SINGLE } else { Size::SWARM };
        let setup = Setup { seed, plan, size, bug: None };
        let one = run(&setup);
        println!(
            "{seed} {} {} ms: {} calls, {} faults, {:?}, {:?}, drained {} ms, {} processes",
            one.hash,
            began.elapsed().as_millis(),
            one.trace.len(),
            one.injected.len(),
            one.endings,
            one.questions,
            one.drained,
            one.processes
        );
        for (invariant, what) in &one.wrong {
            println!("  {invariant}: {}", what.chars().take(600).collect::<String>());
        }
        if let Some(path) = arguments.iter().position(|argument| argument == "--trace") {
            std::fs::write(&arguments[path + 1], one.trace.join("\n")).unwrap();
        }
    }
}
