//! Spectrograms of telephone audio, one above the other, to be looked at.

use std::f32::consts::TAU;

use embedded_graphics::mono_font::iso_8859_1::{FONT_7X13, FONT_9X15_BOLD, FONT_10X20};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{Point, Size};
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::Alignment::{Center, Left, Right};

use crate::keyed_audio::{LARGEST, RATE};
use crate::picture::{Picture, between};
use crate::receivers::Press;

/// What one spectrogram shows.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a> {
    /// Whose audio it is.
    pub title: &'a str,
    /// At 8 kHz.
    pub samples: &'a [i16],
    /// The keys to write above their tones.
    pub presses: &'a [Press],
}

/// The window of the Fourier transform: 32 ms tell the four rows of keys apart, and 80 ms of tone from the pause after.
const WINDOW: usize = 256;
/// Keys lie between 697 and 1633 Hz.
const HIGHEST: f32 = 2500.0;
/// The levels of a sinusoid that are black and white, in dBm0.
const LEVELS: [f32; 2] = [-60.0, -6.0];

const LEFT: i32 = 84;
const WIDTH: u32 = 1400;
const HEIGHT: u32 = 280;
const TOP: i32 = 60;
/// From the top of one panel's title to the next one's.
const PANEL: i32 = 64 + HEIGHT as i32 + 46;

const GROUND: Rgb888 = Rgb888::new(0xfb, 0xfb, 0xf9);
const INK: Rgb888 = Rgb888::new(0x1f, 0x23, 0x28);
const FAINT: Rgb888 = Rgb888::new(0x6b, 0x72, 0x7a);
const SECURE: Rgb888 = Rgb888::new(0x0f, 0x76, 0x6e);

/// Black to light yellow, of even steps to the eye (matplotlib's inferno, at every eighth).
const COLOURS: [Rgb888; 9] = [
    Rgb888::new(0x00, 0x00, 0x04),
    Rgb888::new(0x1f, 0x0c, 0x48),
    Rgb888::new(0x55, 0x0f, 0x6d),
    Rgb888::new(0x88, 0x22, 0x6a),
    Rgb888::new(0xba, 0x36, 0x55),
    Rgb888::new(0xe3, 0x59, 0x33),
    Rgb888::new(0xf9, 0x8c, 0x0a),
    Rgb888::new(0xf9, 0xc9, 0x32),
    Rgb888::new(0xfc, 0xff, 0xa4),
];

/// Draws `panels` with a common axis of time. SecureMode is on from sample `secured_from`.
pub fn draw(title: &str, panels: &[Panel<'_>], secured_from: usize) -> Picture {
    let height = TOP + PANEL * panels.len() as i32 + 12;
    let mut picture = Picture::new(Size::new(LEFT as u32 + WIDTH + 84, height as u32), GROUND);
    picture.write(title, Point::new(LEFT, 32), &FONT_10X20, INK, Left);
    let longest = panels.iter().map(|panel| panel.samples.len()).max().unwrap_or_default();
    let time = Time { samples: longest.max(1) };
    for (number, panel) in panels.iter().enumerate() {
        let top = TOP + PANEL * number as i32;
        draw_panel(&mut picture, panel, top, time, secured_from);
    }
    picture
}

/// The axis of time.
#[derive(Clone, Copy, Debug)]
struct Time {
    samples: usize,
}

impl Time {
    /// How far right a sample lies.
    fn across(self, sample: usize) -> i32 {
        (sample as f32 * WIDTH as f32 / self.samples as f32).round() as i32
    }

    /// The sample that a column shows.
    fn sample(self, across: i32) -> usize {
        (across as f32 * self.samples as f32 / WIDTH as f32) as usize
    }
}

fn draw_panel(picture: &mut Picture, panel: &Panel<'_>, top: i32, time: Time, secured_from: usize) {
    let area = Rectangle::new(Point::new(LEFT, top + 64), Size::new(WIDTH, HEIGHT));
    let bottom = area.top_left.y + HEIGHT as i32;
    picture.write(panel.title, Point::new(LEFT, top + 10), &FONT_9X15_BOLD, INK, Left);

    let spectrum = Spectrum::new();
    let columns: Vec<Vec<f32>> =
        (0..WIDTH as i32).map(|across| spectrum.at(panel.samples, time.sample(across))).collect();
    picture.fill(area, |place| colour(columns[place.x as usize][place.y as usize]));

    // SecureMode as a band above the panel and a line through it.
    let secured = LEFT + time.across(secured_from).clamp(0, WIDTH as i32);
    let band =
        |from: i32, to: i32| Rectangle::new(Point::new(from, top + 24), Size::new((to - from) as u32, 16));
    let end = LEFT + WIDTH as i32;
    picture.tint(band(LEFT, secured), FAINT, 18);
    picture.fill(band(secured, end), |_| SECURE);
    picture.write("SecureMode off", Point::new(LEFT + 8, top + 32), &FONT_7X13, INK, Left);
    picture.write("SecureMode on", Point::new(secured + 8, top + 32), &FONT_7X13, GROUND, Left);
    for down in (0..HEIGHT as i32).filter(|down| down % 8 < 4) {
        picture
            .fill(Rectangle::new(Point::new(secured, area.top_left.y + down), Size::new(1, 1)), |_| GROUND);
    }

    for press in panel.presses {
        // A tone of 80 ms, its middle.
        let across = LEFT + time.across(press.at + RATE * 40 / 1000);
        let ink = if press.at >= secured_from { SECURE } else { INK };
        picture.write(&press.key.to_string(), Point::new(across, top + 52), &FONT_9X15_BOLD, ink, Center);
    }

    for second in 0..=time.samples / RATE {
        let across = LEFT + time.across(second * RATE);
        picture.fill(Rectangle::new(Point::new(across, bottom), Size::new(1, 5)), |_| FAINT);
        picture.write(&second.to_string(), Point::new(across, bottom + 14), &FONT_7X13, INK, Center);
    }
    let middle = LEFT + WIDTH as i32 / 2;
    picture.write("time in seconds", Point::new(middle, bottom + 30), &FONT_7X13, FAINT, Center);
    for step in 0..=5 {
        let down = bottom - (step * HEIGHT as i32) / 5;
        picture.fill(Rectangle::new(Point::new(LEFT - 5, down), Size::new(5, 1)), |_| FAINT);
        let label = (HIGHEST as i32 * step / 5).to_string();
        picture.write(&label, Point::new(LEFT - 9, down), &FONT_7X13, INK, Right);
    }
    picture.write("frequency", Point::new(LEFT - 6, top + 34), &FONT_7X13, FAINT, Right);
    picture.write("in Hz", Point::new(LEFT - 6, top + 47), &FONT_7X13, FAINT, Right);
    draw_scale(picture, Point::new(end + 18, area.top_left.y));
}

/// Which colour is which level.
fn draw_scale(picture: &mut Picture, place: Point) {
    let part = |down: i32| 1.0 - down as f32 / HEIGHT as f32;
    let level = |down: i32| LEVELS[0] + (LEVELS[1] - LEVELS[0]) * part(down);
    picture.fill(Rectangle::new(place, Size::new(14, HEIGHT)), |inside| colour(level(inside.y)));
    picture.write("dBm0", place + Point::new(0, -12), &FONT_7X13, FAINT, Left);
    let mut tick = -10.0;
    while tick >= LEVELS[0] {
        let down = (HEIGHT as f32 * (LEVELS[1] - tick) / (LEVELS[1] - LEVELS[0])).round() as i32;
        picture.fill(
            Rectangle::new(place + Point::new(14, down.min(HEIGHT as i32 - 1)), Size::new(5, 1)),
            |_| FAINT,
        );
        picture.write(&format!("{tick:.0}"), place + Point::new(23, down), &FONT_7X13, INK, Left);
        tick -= 10.0;
    }
}

fn colour(level: f32) -> Rgb888 {
    let part = ((level - LEVELS[0]) / (LEVELS[1] - LEVELS[0])).clamp(0.0, 1.0) * (COLOURS.len() - 1) as f32;
    let below = (part as usize).min(COLOURS.len() - 2);
    between(COLOURS[below], COLOURS[below + 1], part - below as f32)
}

/// The transform, for the frequency of each row of pixels, from the top.
#[derive(Debug)]
struct Spectrum {
    rows: Vec<Vec<[f32; 2]>>,
}

impl Spectrum {
    fn new() -> Spectrum {
        // Hann's window, whose mean is a half: a sinusoid's amplitude comes out as it is.
        let weigh =
            |at: usize| (0.5 - 0.5 * (TAU * (at as f32 + 0.5) / WINDOW as f32).cos()) * 4.0 / WINDOW as f32;
        let row = |down: u32| {
            let frequency = HIGHEST * (1.0 - (down as f32 + 0.5) / HEIGHT as f32);
            let turn = |at: usize| TAU * frequency * at as f32 / RATE as f32;
            (0..WINDOW).map(|at| [turn(at).cos() * weigh(at), turn(at).sin() * weigh(at)]).collect()
        };
        Spectrum { rows: (0..HEIGHT).map(row).collect() }
    }

    /// The levels around a sample, in dBm0.
    fn at(&self, samples: &[i16], middle: usize) -> Vec<f32> {
        let around = (middle + WINDOW / 2).saturating_sub(WINDOW)..middle + WINDOW / 2;
        let window: Vec<f32> = around.map(|at| samples.get(at).copied().map_or(0.0, f32::from)).collect();
        let level = |row: &Vec<[f32; 2]>| {
            let (mut real, mut imaginary) = (0.0, 0.0);
            for (sample, [cosine, sine]) in window.iter().zip(row) {
                real += sample * cosine;
                imaginary += sample * sine;
            }
            20.0 * (f32::hypot(real, imaginary) / 32768.0).max(1e-6).log10() + LARGEST as f32
        };
        self.rows.iter().map(level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed_audio::KeyedAudio;

    #[test]
    fn a_key_shows_at_its_frequencies_and_level() {
        let audio = KeyedAudio::quiet(0.2).key(0.05, "1").samples();
        let levels = Spectrum::new().at(&audio, RATE * 90 / 1000);
        let row = |hertz: f32| ((1.0 - hertz / HIGHEST) * HEIGHT as f32) as usize;
        for hertz in [697.0, 1209.0] {
            assert!((levels[row(hertz)] + 10.0).abs() < 0.5, "{hertz}: {}", levels[row(hertz)]);
        }
        for hertz in [950.0, 1477.0, 2000.0] {
            assert!(levels[row(hertz)] < -40.0, "{hertz}: {}", levels[row(hertz)]);
        }
    }
}
