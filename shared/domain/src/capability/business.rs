//! The capabilities of the business plan, by their canonical names: `AUTH_LOGIN` there is `auth:login` here.

use super::Capability;

const fn of(category: &'static str, action: &'static str, description: &'static str) -> Capability {
    Capability { action, category, description }
}

/// All 70.
pub const BUSINESS: &[Capability] = &[
    of("Authentication", "auth:login", "Log in."),
    of("Authentication", "auth:register", "Register an account."),
    of("Authentication", "auth:reset_password", "Reset a password."),
    of("Authentication", "auth:verify_email", "Verify an e-mail address."),
    of("Authentication", "auth:manage_sessions", "List and end sessions."),
    of("Organization", "org:create", "Create organizations."),
    of("Organization", "org:read", "Read organizations."),
    of("Organization", "org:update", "Change organizations."),
    of("Organization", "org:delete", "Delete organizations."),
    of("Organization", "org:manage_users", "Manage an organization's users."),
    of("Organization", "org:manage_roles", "Manage an organization's roles."),
    of("Organization", "org:view_audit_logs", "See an organization's audit trail."),
    of("Partners", "partner:create", "Register partners."),
    of("Partners", "partner:read", "Read partners."),
    of("Partners", "partner:update", "Change partners."),
    of("Partners", "partner:delete", "Delete partners."),
    of("Partners", "partner:approve", "Approve partners."),
    of("Partners", "partner:verify_gst", "Verify a partner's tax registration."),
    of("Partners", "partner:manage_bank_accounts", "Manage a partner's bank accounts."),
    of("Partners", "partner:view_sensitive", "See a partner's sensitive data."),
    of("Commodities", "commodity:create", "Create commodities."),
    of("Commodities", "commodity:read", "Read commodities."),
    of("Commodities", "commodity:update", "Change commodities."),
    of("Commodities", "commodity:delete", "Delete commodities."),
    of("Commodities", "commodity:update_price", "Change a commodity's price."),
    of("Commodities", "commodity:manage_specifications", "Manage a commodity's specifications."),
    of("Commodities", "commodity:manage_hsn", "Manage a commodity's tariff codes."),
    of("Locations", "location:create", "Create locations."),
    of("Locations", "location:read", "Read locations."),
    of("Locations", "location:update", "Change locations."),
    of("Locations", "location:delete", "Delete locations."),
    of("Locations", "location:manage_hierarchy", "Change which location lies in which."),
    of("Availability", "availability:create", "Offer a quantity for sale."),
    of("Availability", "availability:read", "Read what is on offer."),
    of("Availability", "availability:update", "Change an offer."),
    of("Availability", "availability:delete", "Delete an offer."),
    of("Availability", "availability:approve", "Approve an offer."),
    of("Availability", "availability:reject", "Reject an offer."),
    of("Availability", "availability:reserve", "Reserve a quantity on offer."),
    of("Availability", "availability:release", "Release a reserved quantity."),
    of("Availability", "availability:mark_sold", "Mark a reserved quantity as sold."),
    of("Availability", "availability:cancel", "Cancel an offer."),
    of("Availability", "availability:view_analytics", "See figures on offers."),
    of("Requirements", "requirement:create", "Ask for a quantity to buy."),
    of("Requirements", "requirement:read", "Read what is asked for."),
    of("Requirements", "requirement:update", "Change a requirement."),
    of("Requirements", "requirement:delete", "Delete a requirement."),
    of("Requirements", "requirement:approve", "Approve a requirement."),
    of("Requirements", "requirement:reject", "Reject a requirement."),
    of("Requirements", "requirement:ai_adjust", "Let a model adjust a requirement."),
    of("Requirements", "requirement:cancel", "Cancel a requirement."),
    of("Requirements", "requirement:fulfill", "Record what fulfills a requirement."),
    of("Requirements", "requirement:view_analytics", "See figures on requirements."),
    of("Matching", "matching:execute", "Match requirements with offers."),
    of("Matching", "matching:view_results", "See what matches."),
    of("Matching", "matching:approve_match", "Approve a match."),
    of("Matching", "matching:reject_match", "Reject a match."),
    of("Matching", "matching:configure_rules", "Change the rules of matching."),
    of("Administration", "admin:manage_users", "Manage all users."),
    of("Administration", "admin:manage_roles", "Manage all roles."),
    of("Administration", "admin:manage_capabilities", "Grant and revoke capabilities."),
    of("Administration", "admin:view_all_data", "See all data."),
    of("Administration", "admin:execute_migrations", "Run migrations of data."),
    of("Administration", "admin:view_system_logs", "See the system's logs."),
    of("Administration", "admin:manage_integrations", "Manage connections to other systems."),
    of("System", "system:api_access", "Call the API."),
    of("System", "system:websocket_access", "Open a connection for live updates."),
    of("System", "system:export_data", "Export data."),
    of("System", "system:import_data", "Import data."),
    of("System", "system:view_audit_trail", "See the audit trail."),
];

#[cfg(test)]
mod tests {
    use super::BUSINESS;

    /// How many of each there are in the plan.
    #[test]
    fn all_seventy_are_there() {
        let of = |resource: &str| {
            let named =
                BUSINESS.iter().filter(|one| one.action.split(':').next() == Some(resource));
            named.count()
        };
        let counted = ["auth", "org", "partner", "commodity", "location", "availability"].map(of);
        assert_eq!(counted, [5, 7, 8, 7, 5, 11]);
        assert_eq!(["requirement", "matching", "admin", "system"].map(of), [10, 5, 7, 5]);
        assert_eq!(BUSINESS.len(), 70);
    }
}
