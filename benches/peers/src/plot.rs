//! The picture: a decision's p50 as the tenant grows, and requests a second.

use std::fmt::Write as _;

use crate::SIZES;
use crate::report::{Engine, Server, number};

/// One hue for each package, in the order of the engines.
const COLOURS: [&str; 9] = [
    "#1f4e9c", "#6fa8dc", "#3d78c8", "#b3261e", "#e57368", "#2e7d32", "#7cb342", "#8e5a00",
    "#d99a2b",
];
const PEER: &str = COLOURS[3];

/// Decades of microseconds from the bottom of the picture to its top.
const DECADES: std::ops::RangeInclusive<i32> = -1..=6;

pub(crate) fn draw(engines: &[Engine], servers: &[Server]) -> String {
    let mut svg = String::from(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 400" font-family="sans-serif" font-size="12">
<title>Decisions beside those of peers: p50 in process as the tenant grows, and requests a second over HTTP</title>
<rect width="1000" height="400" fill="white"/>
"#,
    );
    lines(&mut svg, engines).unwrap();
    bars(&mut svg, servers).unwrap();
    svg + "</svg>\n"
}

fn lines(svg: &mut String, engines: &[Engine]) -> std::fmt::Result {
    let y = |microseconds: f64| {
        let (low, high) = (f64::from(*DECADES.start()), f64::from(*DECADES.end()));
        40.0 + 310.0 * (high - microseconds.log10()) / (high - low)
    };
    let x = |place: usize| 60.0 + 130.0 * place as f64;
    writeln!(
        svg,
        r#"<text x="20" y="20">p50 of a decision in process, by assignments in the tenant</text>"#
    )?;
    for decade in DECADES {
        let (name, y) = (name_of(decade), y(10_f64.powi(decade)));
        writeln!(
            svg,
            r##"<path d="M60 {y:.1}H320" stroke="#ddd"/><text x="54" y="{:.1}" text-anchor="end">{name}</text>"##,
            y + 4.0
        )?;
    }
    for (place, size) in SIZES.iter().enumerate() {
        let x = x(place);
        writeln!(
            svg,
            r#"<text x="{x}" y="370" text-anchor="middle">{}</text>"#,
            number(*size as f64)
        )?;
    }
    let mut labels = Vec::new();
    for (engine, colour) in engines.iter().zip(COLOURS) {
        let p50 = engine.figures(|figures| figures.p50_microseconds);
        let points = p50.iter().enumerate();
        let points = points.filter_map(|(place, p50)| Some((x(place), y((*p50)?))));
        let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        writeln!(
            svg,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#,
            points.join(" ")
        )?;
        let last = p50.iter().rev().flatten().next();
        labels.push((last.map_or(350.0, |last| y(*last)), colour, engine));
    }
    // Each beside the end of its line, and no two on one another.
    labels.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut above = 20.0;
    for (y, colour, Engine { package, form, .. }) in labels {
        above = f64::max(y + 4.0, above + 15.0);
        writeln!(svg, r#"<text x="328" y="{above:.1}" fill="{colour}">{package}: {form}</text>"#)?;
    }
    Ok(())
}

fn bars(svg: &mut String, servers: &[Server]) -> std::fmt::Result {
    let rates =
        || servers.iter().flat_map(|server| &server.served.loads).map(|load| load.per_second);
    let most = rates().fold(1.0, f64::max);
    writeln!(svg, r#"<text x="620" y="20">requests a second over HTTP</text>"#)?;
    let mut y = 44.0;
    for Server { package, form, served, .. } in servers {
        writeln!(svg, r#"<text x="620" y="{y}">{package}: {}</text>"#, form.replace('`', ""))?;
        for load in &served.loads {
            y += 20.0;
            let (width, rate) = (230.0 * load.per_second / most, number(load.per_second));
            let colour = if package == "epr" { COLOURS[0] } else { PEER };
            writeln!(
                svg,
                r#"<rect x="620" y="{:.1}" width="{width:.1}" height="14" fill="{colour}"/>
<text x="{:.1}" y="{y:.1}">{rate} at {}</text>"#,
                y - 11.0,
                626.0 + width,
                load.connections
            )?;
        }
        y += 32.0;
    }
    writeln!(svg, r#"<text x="620" y="{y}">at 1 and at 16 connections</text>"#)
}

fn name_of(decade: i32) -> String {
    match decade {
        ..0 => format!("{} µs", 10_f64.powi(decade)),
        0..3 => format!("{:.0} µs", 10_f64.powi(decade)),
        3..6 => format!("{:.0} ms", 10_f64.powi(decade - 3)),
        _ => format!("{:.0} s", 10_f64.powi(decade - 6)),
    }
}
