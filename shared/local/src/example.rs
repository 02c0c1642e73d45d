//! A template and functions for this crate's tests.

use crate::template::Template;

/// Every short tag, two tables, and functions with each kind of event.
pub(crate) const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  LogLevel: {Type: String, Default: info}
  Retention: {Type: Number, Default: 30}
  Secret: {Type: String}
Globals:
  Function:
    Timeout: 10
    Environment:
      Variables:
        CORE_TABLE: !Ref CoreTable
        LOG_LEVEL: !Ref LogLevel
        RETENTION_DAYS: !Ref Retention
        SECRET: !Ref Secret
        HIDDEN: global
        EPR_AUTH: "on"
Conditions:
  Protected: !Equals [!Ref LogLevel, info]
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth: {DefaultAuthorizer: Lambda}
  CoreTable:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: pk, AttributeType: S}
        - {AttributeName: sk, AttributeType: S}
        - {AttributeName: gsi1pk, AttributeType: S}
        - {AttributeName: gsi1sk, AttributeType: N}
      KeySchema:
        - {AttributeName: pk, KeyType: HASH}
        - {AttributeName: sk, KeyType: RANGE}
      GlobalSecondaryIndexes:
        - IndexName: gsi1
          KeySchema:
            - {AttributeName: gsi1pk, KeyType: HASH}
            - {AttributeName: gsi1sk, KeyType: RANGE}
          Projection: {ProjectionType: INCLUDE, NonKeyAttributes: [name]}
      StreamSpecification: {StreamViewType: NEW_IMAGE}
      TimeToLiveSpecification: {AttributeName: expires_at, Enabled: true}
      DeletionProtectionEnabled: !If [Protected, true, false]
  PlainTable:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
  EntitiesFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: entities}}
    Properties:
      CodeUri: .
      Environment:
        Variables:
          LIMIT: 50
          HIDDEN: !GetAtt CoreTable.Arn
          PLAIN_TABLE: {Ref: PlainTable}
      Policies:
        - DynamoDBCrudPolicy: {TableName: !Ref CoreTable}
        - Statement: [{Effect: Allow, Action: "sns:Publish", Resource: !Sub "arn:${AWS::Partition}:x"}]
      Events:
        Create: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: post, Path: /api/v1/entities}}
        List: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /api/v1/entities}}
        One: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: "/api/v1/entities/{id}"}}
        Part:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: ANY, Path: "/api/v1/entities/{entity_id}/parts/{part}"}
        Search: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /api/v1/entities/search}}
        Health:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: GET, Path: /healthz, Auth: {Authorizer: NONE}}
  RelayFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: ./functions/outbox-relay/
      Events:
        Stream: {Type: DynamoDB, Properties: {Stream: !GetAtt CoreTable.StreamArn, StartingPosition: LATEST}}
Outputs:
  Url: {Value: !Sub "https://${Api}.execute-api.${AWS::Region}.amazonaws.com"}
"#;

pub(crate) fn template() -> Template {
    Template::parse(TEMPLATE).unwrap()
}
