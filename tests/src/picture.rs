//! A picture in memory, to draw on with `embedded-graphics` and to save as PNG.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use embedded_graphics::Drawable;
use embedded_graphics::draw_target::DrawTargetExt;
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{DrawTarget, OriginDimensions, Pixel, Point, PointsIter, RgbColor, Size};
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

/// Rows of pixels, the top one first.
#[derive(Clone, Debug)]
pub struct Picture {
    size: Size,
    pixels: Vec<Rgb888>,
}

impl Picture {
    /// A picture of one colour.
    pub fn new(size: Size, colour: Rgb888) -> Picture {
        Picture { size, pixels: vec![colour; size.width as usize * size.height as usize] }
    }

    /// Colours a rectangle, pixel by pixel; `colour` is asked with places from the rectangle's top left.
    pub fn fill(&mut self, area: Rectangle, mut colour: impl FnMut(Point) -> Rgb888) {
        let places = area.points().map(|place| Pixel(place, colour(place - area.top_left)));
        let Ok(()) = self.draw_iter(places);
    }

    /// Lays a colour over a rectangle, so many hundredths of it.
    pub fn tint(&mut self, area: Rectangle, colour: Rgb888, percent: u8) {
        for place in area.points() {
            if let Some(pixel) = self.pixel(place) {
                *pixel = between(*pixel, colour, f32::from(percent) / 100.0);
            }
        }
    }

    /// Writes a line of text; `place` is at its middle in height, and in width what `alignment` says.
    pub fn write(
        &mut self,
        text: &str,
        place: Point,
        font: &MonoFont<'_>,
        colour: Rgb888,
        alignment: Alignment,
    ) {
        let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Middle).build();
        let text = Text::with_text_style(text, place, MonoTextStyle::new(font, colour), style);
        let bounds = Rectangle::new(Point::zero(), self.size);
        let Ok(_) = text.draw(&mut self.clipped(&bounds));
    }

    /// Saves it as a PNG file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut encoder =
            png::Encoder::new(BufWriter::new(File::create(path)?), self.size.width, self.size.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let bytes: Vec<u8> = self.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&bytes)?;
        Ok(writer.finish()?)
    }

    fn pixel(&mut self, place: Point) -> Option<&mut Rgb888> {
        let (across, down) = (u32::try_from(place.x).ok()?, u32::try_from(place.y).ok()?);
        (across < self.size.width).then_some(())?;
        self.pixels.get_mut(down as usize * self.size.width as usize + across as usize)
    }
}

/// The colour at this part of the way from one to another.
pub fn between(from: Rgb888, to: Rgb888, part: f32) -> Rgb888 {
    let mix = |from: u8, to: u8| (f32::from(from) + (f32::from(to) - f32::from(from)) * part).round() as u8;
    Rgb888::new(mix(from.r(), to.r()), mix(from.g(), to.g()), mix(from.b(), to.b()))
}

impl OriginDimensions for Picture {
    fn size(&self) -> Size {
        self.size
    }
}

impl DrawTarget for Picture {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(place, colour) in pixels {
            if let Some(pixel) = self.pixel(place) {
                *pixel = colour;
            }
        }
        Ok(())
    }
}
