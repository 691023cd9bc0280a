//! How many conversations with mail servers are held at once: few enough for the machine, and fewer for one tenant, so
//! that one whose server hangs does not hold up the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// At once on one instance.
const ALL: usize = 64;
/// Of these, for one tenant.
const OWN: usize = 8;

/// The places, by who has them.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<i64, usize>>>);

/// A place; it is free again when this is dropped.
pub struct Place {
    places: Places,
    tenant: i64,
}

impl Places {
    pub(super) fn take(&self, tenant: i64) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= ALL {
            return None;
        }
        let own = taken.entry(tenant).or_default();
        if *own >= OWN {
            return None;
        }
        *own += 1;
        Some(Place {
            places: self.clone(),
            tenant,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(&self.tenant).copied().unwrap_or_default();
        if own > 1 {
            taken.insert(self.tenant, own - 1);
        } else {
            taken.remove(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_cannot_take_all_places_and_gives_its_own_back() {
        let places = Places::default();
        let own: Vec<_> = (0..OWN).map(|_| places.take(1).expect("a place")).collect();
        assert!(places.take(1).is_none());
        assert!(places.take(2).is_some());
        drop(own);
        assert!(places.take(1).is_some());
        let all: Vec<_> = (0..ALL)
            .filter_map(|nth| places.take(i64::try_from(nth).ok()?))
            .collect();
        assert_eq!(all.len(), ALL);
        assert!(places.take(1000).is_none());
        drop(all);
        assert!(places.0.lock().expect("no panic").is_empty());
    }
}
