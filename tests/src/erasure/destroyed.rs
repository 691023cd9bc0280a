//! On PostgreSQL a deleted row may lie in a file until its table is written anew. Then nothing is left of a destroyed key.

use std::{fs, path::Path};

use aho_corasick::AhoCorasick;

use super::service::Place;
use crate::{harness::Kind, scenes::registers};

/// The wrapped keys of the key store, as its dump tells them.
fn wrapped_keys(place: &Place) -> Vec<Vec<u8>> {
    let dump = String::from_utf8(place.dumps().pop().expect("the keys' dump")).expect("text");
    let rows = dump.lines().filter(|line| line.contains("INTO public.candidate_keys "));
    rows.map(|row| {
        let (_, from) = row.split_once("'\\x").expect("bytes");
        let (hex, _) = from.split_once('\'').expect("bytes");
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("digits");
        (0..hex.len()).step_by(2).map(byte).collect()
    })
    .collect()
}

/// Which of two keys stand in the files of a folder.
fn held(folder: &Path, keys: [&[u8]; 2]) -> [bool; 2] {
    let search = AhoCorasick::new(keys).expect("patterns");
    let mut held = [false; 2];
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            let within = self::held(&path, keys);
            held = [held[0] || within[0], held[1] || within[1]];
            continue;
        }
        for found in search.find_iter(&fs::read(path).unwrap_or_default()) {
            held[found.pattern().as_usize()] = true;
        }
    }
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_destroyed_key_leaves_the_files_of_postgres_with_vacuum_full() {
    let Some(place) = Place::new(Kind::Postgres).await else {
        return;
    };
    let Some(files) = place.table_files() else { return };
    let (_process, client) = place.begin(false);
    let ada = registers(&client, "Ada Lovelace").await;
    let [erased] = wrapped_keys(&place).try_into().expect("one key");
    let grace = registers(&client, "Grace Hopper").await;
    let kept = wrapped_keys(&place).into_iter().find(|key| *key != erased);
    let kept = kept.expect("another key");
    place.checkpoint().await;
    assert_eq!(
        held(&files, [&erased, &kept]),
        [true, true],
        "they lie there as they are"
    );
    client.delete(&ada).await.is(200);
    assert_eq!(wrapped_keys(&place), std::slice::from_ref(&kept));
    place.in_keys("VACUUM FULL candidate_keys").await;
    place.checkpoint().await;
    assert_eq!(held(&files, [&erased, &kept]), [false, true]);
    client.get(&grace).await.is(200);
}
