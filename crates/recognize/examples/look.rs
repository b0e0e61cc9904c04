//! Prints what is found in the pictures of each folder named. usage: look MAPS FOLDER...
use scatterfall_recognize::{ColourMap, Picture, recognize};
use std::path::Path;
fn maps(dir: &str) -> Vec<ColourMap> {
    let mut out = vec![ColourMap { name: "gray".into(), colours: Box::new(std::array::from_fn(|i| [i as u8; 3])), diverging: false }];
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for f in files {
        let name = f.file_stem().unwrap().to_string_lossy().into_owned();
        let t: Vec<[u8; 3]> = std::fs::read_to_string(&f).unwrap().lines().map(|l| { let v: Vec<u8> = l.split(' ').map(|n| n.parse().unwrap()).collect(); [v[0], v[1], v[2]] }).collect();
        let diverging = ["seismic", "RdBu", "RdYlBu", "bwr", "coolwarm"].contains(&name.as_str());
        out.push(ColourMap { name, colours: t.try_into().unwrap(), diverging });
    }
    out
}
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let maps = maps(&args[0]);
    for folder in &args[1..] {
        let mut files: Vec<_> = if Path::new(folder).is_dir() { std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "png" || e == "jpg")).collect() } else { vec![folder.into()] };
        files.sort();
        let p: Vec<Picture> = files.iter().take(12).map(|f| { let i = image::open(f).unwrap().to_rgb8(); Picture::new(i.width() as usize, i.height() as usize, i.into_raw()).unwrap() }).collect();
        let Some(f) = recognize(&p, &vec![true; p.len()], &maps) else { println!("{folder}\tsizes differ"); continue };
        let m = f.map.value.as_ref();
        println!("{folder}\t{:?}\t{:?}\t{}\t{}\t{:?}\t{}\t{:?}\t{}\t{:?}\t{}\t{}\t{}\t{}", [f.plot.value.top, f.plot.value.bottom, f.plot.value.left, f.plot.value.right], f.plot.confidence, m.map_or("?", |m| m.name.as_deref().unwrap_or("bar")), m.is_some_and(|m| m.reversed), f.map.confidence, f.diverging.value, f.diverging.confidence, f.time_axis.value.name(), f.time_axis.confidence, f.plot.why, f.map.why, f.diverging.why, f.time_axis.why);
    }
}
