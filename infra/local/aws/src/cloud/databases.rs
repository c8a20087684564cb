//! The databases of DynamoDB: one for each account and region, each with a lock of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pmp_local_dynamodb::Database;

type ByRegion = BTreeMap<String, Arc<Mutex<Database>>>;

/// The databases, by account and region. One that nobody has used yet is empty.
#[derive(Debug, Default)]
pub(crate) struct Databases(Mutex<BTreeMap<String, ByRegion>>);

impl Databases {
    /// The database of an account in a region.
    pub(super) fn of(&self, account: &str, region: &str) -> Arc<Mutex<Database>> {
        let mut all = self.lock();
        if let Some(database) = all.get(account).and_then(|regions| regions.get(region)) {
            return Arc::clone(database);
        }
        let database = Arc::new(Mutex::new(Database::new(account, region)));
        all.entry(account.to_owned()).or_default().insert(region.to_owned(), Arc::clone(&database));
        database
    }

    /// A number that grows with every change of any table.
    pub(crate) fn version(&self) -> u64 {
        self.all().iter().map(|database| lock(database).version()).sum()
    }

    /// Copies of all databases, which share the items with them. If they are to be of one moment,
    /// changes must be paused.
    pub(crate) fn copies(&self) -> Vec<Database> {
        self.all().iter().map(|database| lock(database).clone()).collect()
    }

    /// Puts databases that were saved in the place of those that are there.
    pub(crate) fn restore(&self, databases: Vec<Database>) {
        for database in databases {
            let place = self.of(database.account(), database.region());
            *lock(&place) = database;
        }
    }

    fn all(&self) -> Vec<Arc<Mutex<Database>>> {
        self.lock().values().flat_map(BTreeMap::values).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, ByRegion>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Locks a database. A refused request has changed nothing, so even after a panic it is whole.
pub(super) fn lock(database: &Mutex<Database>) -> MutexGuard<'_, Database> {
    database.lock().unwrap_or_else(PoisonError::into_inner)
}
