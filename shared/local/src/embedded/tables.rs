//! The template's tables, made in the embedded engine or compared with those already there.

use super::{Embedded, EmbeddedError, engine};
use crate::template::{Table, Template};
use dynoxide::DynoxideError;
use dynoxide::actions::TableDescription;
use dynoxide::actions::create_table::{CreateTableRequest, StreamSpecification};
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::update_time_to_live::{TimeToLiveSpecification, UpdateTimeToLiveRequest};
use std::collections::BTreeSet;

impl Embedded {
    /// Makes each table of `template` that is missing, exactly as declared. One that exists must
    /// have the declared key and indexes: there are no migrations on a laptop.
    pub fn create_tables(&self, template: &Template) -> Result<(), EmbeddedError> {
        for table in &template.tables {
            let request = DescribeTableRequest { table_name: table.id.clone() };
            match self.database.describe_table(request) {
                Ok(found) => self.compare(table, &found.table)?,
                Err(DynoxideError::ResourceNotFoundException(_)) => {
                    self.database
                        .create_table(declared(table))
                        .map_err(engine(format!("create the table `{}`", table.id)))?;
                }
                Err(error) => return Err(engine(format!("read the table `{}`", table.id))(error)),
            }
            // Also for a table that exists: the process may have ended between the two calls.
            self.set_time_to_live(table)?;
        }
        Ok(())
    }

    fn compare(&self, table: &Table, found: &TableDescription) -> Result<(), EmbeddedError> {
        let id = &table.id;
        let declared: BTreeSet<_> = table.indexes.iter().map(|index| &index.index_name).collect();
        let present: BTreeSet<_> = found
            .global_secondary_indexes
            .iter()
            .flatten()
            .map(|index| &index.index_name)
            .collect();
        let difference = if found.key_schema != table.key_schema {
            format!("its table `{id}` has another key")
        } else if present != declared {
            format!("its table `{id}` has the indexes {present:?}, not {declared:?}")
        } else {
            return Ok(());
        };
        let folder = self.folder.as_ref().map(|folder| folder.path.clone()).unwrap_or_default();
        Err(EmbeddedError::OtherVersion { folder, difference })
    }

    fn set_time_to_live(&self, table: &Table) -> Result<(), EmbeddedError> {
        let Some(attribute_name) = table.ttl_attribute.clone() else { return Ok(()) };
        let request = UpdateTimeToLiveRequest {
            table_name: table.id.clone(),
            time_to_live_specification: TimeToLiveSpecification { attribute_name, enabled: true },
        };
        self.database
            .update_time_to_live(request)
            .map_err(engine(format!("set the time to live of the table `{}`", table.id)))?;
        Ok(())
    }
}

fn declared(table: &Table) -> CreateTableRequest {
    CreateTableRequest {
        table_name: table.id.clone(),
        key_schema: table.key_schema.clone(),
        attribute_definitions: table.attributes.clone(),
        // DynamoDB refuses an empty list of indexes.
        global_secondary_indexes: (!table.indexes.is_empty()).then(|| table.indexes.clone()),
        billing_mode: Some("PAY_PER_REQUEST".to_owned()),
        stream_specification: table
            .stream_view
            .clone()
            .map(|view| StreamSpecification { stream_enabled: true, stream_view_type: Some(view) }),
        ..CreateTableRequest::default()
    }
}
