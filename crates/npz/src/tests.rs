use ndarray::{Array1, Array2, array};

use std::fs::File;

use super::*;

#[test]
fn streams_grow_and_are_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("day.npz");
    let write = || {
        let mut stream = GrowingArrays::new(folder.path());
        let a = stream.declare::<f32>("a", &[2, 3]);
        let t = stream.declare::<Time>("times", &[]);
        for block in 0..4i16 {
            stream.append(a, (0..12).map(|i| f32::from(block) * 12.0 + i as f32)).expect("appended");
            stream.append(t, [Time(block.into()), Time(i64::from(block) + 1)]).expect("appended");
        }
        assert!(stream.append(a, [1.0f32]).is_err(), "a part of a row");
        assert!(stream.append(a, [1.0f64; 6]).is_err(), "another type");
        stream.write(File::create(&path).expect("made")).expect("written");
    };
    write();
    let first = std::fs::read(&path).expect("there");
    write();
    assert_eq!(std::fs::read(&path).expect("there"), first, "same rows, same bytes");
    let mut file = NpzFile::open(&path).expect("opened");
    assert!(file.has("a") && !file.has("b"), "names");
    let (shape, values) = file.read::<f64>("a").expect("read");
    assert_eq!((shape, values[47]), (vec![8, 2, 3], 47.0), "eight rows");
    let mut some = Vec::<f32>::new();
    let mut stream = file.stream("a").expect("there");
    stream.read(6, &mut some).and_then(|()| stream.read(6, &mut some)).expect("two rows");
    assert_eq!(some, [6.0, 7.0, 8.0, 9.0, 10.0, 11.0], "the second row");
}

#[test]
fn whole_arrays_and_broken_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("whole.npz");
    let matrix: Array2<f64> = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
    let mut out = NpzWriter::new(File::create(&path).expect("made"));
    out.add("turned", &matrix.t()).expect("added");
    out.add("times", &Array1::from(vec![Time(3)])).expect("added");
    out.finish().expect("written");
    let mut file = NpzFile::open(&path).expect("opened");
    let (shape, values) = file.read::<f64>("turned").expect("read");
    assert_eq!((shape, values), (vec![2, 3], vec![1.0, 3.0, 5.0, 2.0, 4.0, 6.0]), "rows of the view");
    assert_eq!(file.read::<Time>("times").expect("read").1, [Time(3)], "a time");
    assert!(file.read::<f64>("times").is_err() && file.read::<f64>("none").is_err(), "another type, no such array");
    let bytes = std::fs::read(&path).expect("there");
    for n in (0..bytes.len()).step_by(7) {
        std::fs::write(&path, &bytes[..n]).expect("written");
        let whole = NpzFile::open(&path).and_then(|mut f| f.read::<f64>("turned"));
        assert!(whole.is_err(), "cut after {n} bytes");
    }
}

#[test]
fn half_precision_is_numpys() {
    // numpy.float16(x).view(numpy.uint16)
    for (value, bits) in [
        (0.0, 0x0000),
        (-0.0, 0x8000),
        (1.0, 0x3c00),
        (-2.0, 0xc000),
        (0.1, 0x2e66),
        (65504.0, 0x7bff),
        (65519.9, 0x7bff),
        (65520.0, 0x7c00),
        (1e9, 0x7c00),
        (6e-8, 0x0001),
        (2e-8, 0x0000),
        (6.1e-5, 0x03ff),
        (1.000_488_3, 0x3c00),
        (f32::INFINITY, 0x7c00),
    ] {
        assert_eq!(F16::from_f32(value).0, bits, "{value}");
    }
    assert_eq!(F16::from_f32(f32::NAN).0 & 0x7e00, 0x7e00, "no number stays none");
}
