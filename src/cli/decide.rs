//! `vauban decide`

use std::fs::File;
use std::io::{self, Read};

use super::args::{About, CidrChoice, Decide, Shared};
use super::console::Console;
use super::sides;
use super::{Exit, Failure, Outcome, Stop};
use crate::analyze::Side;
use crate::analyze::decide::{Decider, Stream};
use crate::model::Target;

/// How much is read at once, in bytes.
const PART: usize = 1 << 20;

/// How long a line may be, in bytes.
const LONGEST_LINE: usize = 1 << 24;

/// Says what happens to each flow, as it comes.
pub(crate) fn decide(command: &Decide, shared: &Shared, console: &Console) -> Outcome {
    let side = sides::open(&command.about, None, shared)?.side;
    let addressed = addressed(&command.about, &side, shared)?;
    let decider = Decider::new(&side, addressed.as_ref());
    let name = match command.flows.as_os_str() == "-" {
        true => "standard input".to_owned(),
        false => command.flows.display().to_string(),
    };
    let mut input: Box<dyn Read> = match command.flows.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(&command.flows).map_err(|error| Failure::of(&name, &error))?),
    };
    for sentence in &side.assumed {
        console.say(&format!("assumed: {sentence}"));
    }
    console.say(&format!("asked on: {}", side.universe));
    let mut stream = decider.stream();
    pour(&mut *input, &name, &mut stream, console)?;
    Ok(match stream.bad() {
        0 => Exit::Fine,
        bad => {
            let lines = if bad == 1 { "line" } else { "lines" };
            console.say(&format!("error: {bad} {lines} of {name} could not be used"));
            Exit::Unusable
        }
    })
}

/// The same manifests, an address of which means no pod, where addresses can mean pods.
fn addressed(about: &About, side: &Side, shared: &Shared) -> Result<Option<Side>, Stop> {
    let asked = about.reading.cidr == CidrChoice::Any
        && !about.manifests.is_empty()
        && side.spec.backend == Target::Kubernetes;
    if !asked {
        return Ok(None);
    }
    let mut about = about.clone();
    about.reading.cidr = CidrChoice::Outside;
    Ok(Some(sides::open(&about, None, shared)?.side))
}

/// Decides whole lines as they come; the rest waits for more.
fn pour(
    input: &mut dyn Read,
    name: &str,
    stream: &mut Stream<'_, '_>,
    console: &Console,
) -> Result<(), Stop> {
    let mut buffer = vec![0; PART];
    // How much of it is a line that has not ended.
    let mut held = 0;
    // Whether that line has been given up.
    let mut skipping = false;
    let mut out = Vec::new();
    loop {
        if buffer.len() < held + PART {
            buffer.resize(held + PART, 0);
        }
        let more = match input.read(&mut buffer[held..held + PART]) {
            Ok(more) => more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::of(name, &error).into()),
        };
        let mut filled = held + more;
        // The last line may end with the input.
        if more == 0 && held > 0 {
            buffer[filled] = b'\n';
            filled += 1;
        }
        let last = buffer[held..filled].iter().rposition(|byte| *byte == b'\n');
        let end = last.map_or(0, |last| held + last + 1);
        let mut lines = &buffer[..end];
        if skipping && end > 0 {
            let first = lines.iter().position(|byte| *byte == b'\n');
            lines = &lines[first.map_or(end, |first| first + 1)..];
            skipping = false;
        }
        stream.feed(lines, &mut out);
        buffer.copy_within(end..filled, 0);
        held = filled - end;
        if held > LONGEST_LINE && !skipping {
            stream.too_long(LONGEST_LINE, &mut out);
            skipping = true;
        }
        if skipping {
            held = 0;
        }
        if !out.is_empty() && !console.stream(&out)? || more == 0 {
            return Ok(());
        }
        out.clear();
    }
}
